#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "network.h"
#include "proxies.h"
#include "shares.h"
#include "twinflow/state.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/loss.h"
#include "twinflow/twin/optimizer.h"
#include "twinflow/twin/schedule.h"
#include "updater.h"
#include "weight_average.h"
#include "weights_match.h"

namespace twinflow::twin {

/// What a training needs besides its data.
struct Recipe {
  Layers layers;
  std::shared_ptr<const Distance> distance;
  std::shared_ptr<const Loss> loss;
  std::shared_ptr<const Optimizer> optimizer;
  std::shared_ptr<const Schedule> schedule;
  Precision precision = Precision::f32;
  std::size_t shard = default_shard;
  std::size_t micro_batch = 1024;  // images at once
  std::size_t accumulate = 1;      // batches for one update
  std::uint64_t batches = 1;       // of the whole run; `endless` for a schedule that goes on
  std::uint64_t batches_per_epoch = 1;
  std::vector<Tuning> tunings = {};
  Clipping clipping = {};
  std::optional<double> average = {};  // decay
  std::optional<ProxyTask> proxies = {};
  std::size_t classes = 0;  // of the training data, for the proxies
};

/// A network, the weights of its distance and the optimiser's memory; one batch at a time. The same batches
/// in the same order give the same bits for any number of threads.
///
/// A batch of more than micro_batch images goes through the network in parts, twice: first forward, for the
/// embeddings that the loss needs all of, then forward and backward part by part (Gao et al. 2021, "Scaling
/// deep contrastive learning batch size under memory limited setup"). The parts are cut between shards, so
/// that the result is the same but for the rounding of sums.
///
/// Several ranks share each batch: every one is given the images of its share and the labels of all. Or each
/// has a batch of its own, and the mean of their gradients makes the update.
class Trainer {
 public:
  /// `random`: as Network's, "distance.weight" and "proxies.weight" included. `shares`: where batches are cut
  /// into some, perhaps for several ranks.
  Trainer(Recipe recipe, Shape image, const Streams& random, std::optional<Shares> shares = {});

  /// Images of a batch, by its labels.
  static std::size_t images_of(const Labels& labels) {
    return labels.pairs() ? 2 * labels.same.size() : labels.classes.size();
  }

  struct Outcome {
    double loss = 0.0;
    double same = 0.0, different = 0.0, accuracy = 0.0;  // BatchFigures; means over the step's batches
    bool collapsed = false;                              // all embeddings are alike
    double rate = 0.0;
    std::optional<double> proxy_loss = {};  // without its weight
    double waited = 0.0;                    // for other ranks, in seconds
    /// Of the update that this batch completed.
    std::optional<Updater::Done> update;
  };
  /// One batch: `labels` are those of all of it, `images` those of it that Shares::own() gives this rank.
  /// `rate_factor`: of the learning rate, from outside. Throws NotFinite naming the
  /// layer (of several ranks those know it whose images they are), with all weights as they were before, when
  /// the loss or a gradient is not finite; Error when the batch has nothing to learn from.
  Outcome step(const Images& images, const Labels& labels, double rate_factor = 1.0);

  /// Starts from the weights of a file, as far as they fit by name and shape: says which. For before the
  /// first step. Throws Error when none fits, or not those of a layer that stays frozen.
  WeightsMatch start_from(const NamedTensors& file, const std::string& file_name);

  /// At the end of an epoch: throws Error where what save() would hold is not the same bits on all ranks.
  void compare_ranks();

  /// The network's tensors: the moving average, where there is one.
  NamedTensors weights() const;
  /// What the distance has learned; likewise.
  const std::vector<float>& distance_weights() const {
    return average_ ? average_->distance_weights() : distance_weights_;
  }

  /// Weights, proxies, moving averages, the optimiser's memory and counters: what the next step depends on.
  /// In row-major order, so that it does not depend on the machine's layouts.
  State save() const;
  /// Throws Error when it does not fit the network, or was made by another optimiser.
  void restore(const State& state);

  /// For people, before the first step, which is to be of that many images. One string a line.
  std::vector<std::string> summary(std::size_t images, int threads);
  /// Who is told what every thread does in a step; {} for nobody.
  void profile(Profile told);
  std::uint64_t updates() const { return made_; }
  Network& network() { return network_; }

 private:
  std::vector<std::size_t> parts_of(std::size_t images) const;
  const Embeddings& forward(const Images& images);
  void backward(const Images& images, const Embeddings& gradient);
  [[noreturn]] void explain_loss(double loss, const Images& images);
  Updater::Done update(double rate, std::uint64_t epoch);
  Pass pass(std::size_t part, bool again) const;
  /// What the batch's embeddings are worth, and into what they should be changed.
  Outcome judge(const Embeddings& embeddings, const Labels& labels, Embeddings& gradient);
  std::size_t batches_per_step() const { return shares_ ? shares_->batches() : 1; }
  std::uint64_t batches() const { return made_ * recipe_.accumulate + collected_; }  // before this one

  Recipe recipe_;
  Profile profile_;
  Network network_;
  std::vector<float> distance_weights_, distance_gradient_;
  std::optional<Proxies> proxies_;
  std::optional<Updater> updater_;
  std::optional<WeightAverage> average_;
  std::optional<Shares> shares_;    // where there are several
  std::size_t whole_ = 0;           // images of the batch under way
  std::vector<std::size_t> parts_;  // of it, that go through here one by one: first images, and the end
  Embeddings embeddings_;           // of a batch in parts
  std::uint64_t made_ = 0;          // updates
  std::size_t collected_ = 0;       // batches since the last one
};

}  // namespace twinflow::twin
