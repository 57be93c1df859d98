#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "twinflow/twin/initializer.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {

/// A layer that works image by image on plain numbers: f32, ordered by channel, row and column, whatever the
/// network's precision and the layouts inside. Everything a layer of one's own needs:
///
///     class Scale final : public ImageLayer {
///      public:
///       static void describe(Spec<Scale>& spec) { spec.summary("..."); spec.example("..."); }
///       Shape output(Shape in) const override { return in; }
///       void forward(Shape in, Numbers x, const Weights& weights, Values y, Values kept) const override;
///       void backward(Shape in, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
///                     const Gradients& gradients) const override;
///     };
///     TWINFLOW_COMPONENT("layer", "scale", Scale)
///
/// For every batch, forward() is called once for each image and, in training, so is backward() then; several
/// images at once, on different threads. So the layer is const and keeps nothing itself. Each image's results
/// depend on that image alone, and gradients of weights are added up in a fixed order: the same bits for any
/// number of threads.
class ImageLayer : public Layer {
 public:
  using Numbers = std::span<const float>;
  using Values = std::span<float>;

  /// A tensor that is learned.
  struct Weight {
    std::string name;                // after the layer's own and a dot: "weight"
    std::vector<std::int64_t> dims;  // all above 0
    std::shared_ptr<const Initializer> initializer;
    Fan fan = {};
  };
  using Weights = std::vector<Numbers>;   // row-major, in the order of weights()
  using Gradients = std::vector<Values>;  // likewise

  /// What it learns, for inputs of that shape.
  virtual std::vector<Weight> weights(Shape in) const { return (void)in, std::vector<Weight>(); }
  /// How many numbers of its own it keeps of each image from forward() to backward().
  virtual std::size_t kept(Shape in) const { return (void)in, 0; }
  /// Which of its input and output backward() reads: memory that is kept for the whole batch.
  virtual bool keeps_input() const { return true; }
  virtual bool keeps_output() const { return true; }

  /// Writes all of y, output(in).size() numbers, from x, in.size() numbers; and all of `kept`, which is there
  /// in inference as well.
  virtual void forward(Shape in, Numbers x, const Weights& weights, Values y, Values kept) const = 0;

  /// What forward() read and wrote. x and y are empty when it keeps them not.
  struct Passed {
    Numbers x, y, kept;
  };
  /// Given dy = dL/dy of a scalar L: writes all of dx = dL/dx, which is empty when nobody wants it, and
  /// *adds* dL/dweights to `gradients`.
  virtual void backward(Shape in, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
                        const Gradients& gradients) const = 0;

  int plan(Program& program, const Planned& at) const final;
};

}  // namespace twinflow::twin
