#include "twinflow/plugin.h"
#include "twinflow/twin/image_layer.h"

namespace twin = twinflow::twin;

/// y = w x, with a w for each channel.
class ChannelScale final : public twin::ImageLayer {
 public:
  static void describe(twinflow::Spec<ChannelScale>& spec) {
    spec.summary("Multiplies every channel by a number that is learned.");
    spec.param("start", &ChannelScale::start).doc("the number before training");
  }
  twin::Shape output(twin::Shape in) const override { return in; }
  std::vector<Weight> weights(twin::Shape in) const override {
    return {{"weight", {static_cast<std::int64_t>(in.channels)}, twin::constant_initializer(start), {}}};
  }
  bool keeps_output() const override { return false; }
  void forward(twin::Shape in, Numbers x, const Weights& weights, Values y, Values) const override {
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = weights[0][i / (in.height * in.width)] * x[i];
  }
  void backward(twin::Shape in, const Passed& passed, const Weights& weights, Numbers dy, Values dx,
                const Gradients& gradients) const override {
    for (std::size_t i = 0; i < dy.size(); ++i) {
      const std::size_t channel = i / (in.height * in.width);
      gradients[0][channel] += dy[i] * passed.x[i];
      if (!dx.empty()) dx[i] = weights[0][channel] * dy[i];
    }
  }
  double start = 1.0;
};
TWINFLOW_COMPONENT("layer", "channel_scale", ChannelScale)
