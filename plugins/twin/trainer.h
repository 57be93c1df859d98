#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "network.h"
#include "twinflow/state.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/loss.h"
#include "twinflow/twin/optimizer.h"
#include "twinflow/twin/schedule.h"

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
  std::uint64_t updates = 1;  // of the whole run, for the schedule
  std::uint64_t updates_per_epoch = 1;
};

/// A network, the weights of its distance and the optimiser's memory; one update at a time. The same batches
/// in the same order give the same bits for any number of threads.
class Trainer {
 public:
  /// `random`: as Network's, "distance.weight" included.
  Trainer(Recipe recipe, Shape image, const Streams& random);

  struct Outcome {
    double loss = 0.0, rate = 0.0;
    double same = 0.0, different = 0.0;  // mean distances; 0 where there are no such pairs
  };
  /// One update. Throws Error when the loss is not finite, or the batch has nothing to learn from.
  Outcome step(const Images& images, const Labels& labels);

  /// Weights, moving averages, the optimiser's memory and the number of updates: what the next step depends
  /// on. In row-major order, so that it does not depend on the machine's layouts.
  State save() const;
  /// Throws Error when it does not fit the network, or was made by another optimiser.
  void restore(const State& state);

  /// Who is told what every thread does in a step; {} for nobody.
  void profile(Profile told);
  std::uint64_t updates() const { return made_; }
  Network& network() { return network_; }
  const std::vector<float>& distance_weights() const { return distance_weights_; }

 private:
  /// One tensor, and the optimiser's arrays for it.
  struct Trained {
    std::string name;
    const Parameter* parameter;  // of the network; nullptr for the distance's weights, which are row-major
    std::span<float> weights;
    std::span<const float> gradient;
    std::vector<std::vector<float>> slots;
  };
  void update(double rate);

  Recipe recipe_;
  Profile profile_;
  Network network_;
  std::vector<float> distance_weights_, distance_gradient_;
  std::vector<Trained> trained_;
  std::uint64_t made_ = 0;
};

}  // namespace twinflow::twin
