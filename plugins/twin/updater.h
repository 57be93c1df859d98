#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "finite.h"
#include "network.h"
#include "profile.h"
#include "tuning.h"
#include "twinflow/error.h"
#include "twinflow/hash.h"
#include "twinflow/state.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {

/// At most one of them: Keras' clipvalue, clipnorm and global_clipnorm.
struct Clipping {
  std::optional<double> value = {};   // each number to [-value, value]
  std::optional<double> norm = {};    // each tensor to that length
  std::optional<double> global = {};  // all tensors together to that length
};

/// How gradients become weights. The order of one update: the mean over the batches collected -> penalties ->
/// gradient_scale -> clipping -> the optimiser (decay first) -> constraints.
///
/// One call at a time; parallel inside over the arena, with the same bits for any number of threads.
class Updater {
 public:
  /// A tensor that is trained. Outside it is row-major; `parameter` knows the layout of the spans, nullptr:
  /// they are row-major.
  struct Tensor {
    std::string name;  // the layer's name, a dot, and which of its tensors it is
    const Parameter* parameter = nullptr;
    std::span<float> weights, gradient;
    std::vector<std::int64_t> dims;
  };

  /// Throws Error when the tunings do not fit the layers.
  Updater(std::vector<Tensor> tensors, std::shared_ptr<const Optimizer> optimizer,
          std::vector<Tuning> tunings, Clipping clipping);

  /// Adds the gradients as they are now to those collected since the last update.
  void collect();

  struct Done {
    double norm = 0.0;  // length of the whole gradient, before clipping
    double penalty = 0.0;
  };
  /// One update. `batches`: how many the gradients are the sum of; the mean counts. Throws NotFinite naming
  /// the layer, before it changes any weight, when a gradient is not finite.
  Done update(const UpdateStep& step, std::size_t batches);

  std::size_t bytes() const;  // of the optimiser's memory

  /// Whether the layer of that name is frozen in that epoch.
  bool frozen(const std::string& layer, std::uint64_t epoch) const;

  Profile profile;  // who is told what every thread does; {} for nobody

  /// The optimiser's memory and what is collected; of tensors without a Parameter the weights, too.
  void save(State& state) const;
  void restore(const State& state);
  /// Adds what save() would hold, as it lies in memory: for comparing ranks.
  void add_to(StableHash& hash) const;

 private:
  struct Trained : Tensor {
    const Tuning* tuning = nullptr;
    std::vector<std::vector<float>> slots;
    std::vector<float> collected;  // empty, or as large as the gradient
    bool matrix = false;           // a layer's, updated whole by Optimizer::update_matrix
    bool bias() const { return name.ends_with(".bias"); }
  };
  struct Range {
    Trained* tensor;
    std::size_t begin, length;
    double squares = 0.0, penalty = 0.0;
  };
  void prepare(Range& range, std::size_t batches) const;
  static std::vector<float*> slots_at(Trained& tensor, std::size_t begin);
  void update_matrix(Trained& tensor, const UpdateStep& step) const;
  void constrain_all(std::uint64_t epoch);
  /// visit(name, span) for all that is kept of a tensor, laid out as it is.
  template <class AnyTrained, class Visit>
  void each_saved(AnyTrained& tensor, const Visit& visit) const;

  std::vector<Tuning> tunings_;
  std::shared_ptr<const Optimizer> optimizer_;
  Clipping clipping_;
  std::vector<Trained> tensors_;
  std::vector<Range> ranges_;
  bool collecting_ = false;
};

}  // namespace twinflow::twin
