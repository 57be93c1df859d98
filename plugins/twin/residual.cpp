#include "conv.h"
#include "elementwise.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

/// relu(layers(x) + shortcut(x)) (He et al. 2016, "Deep residual learning", eq. 1 and 2). Unless it is
/// written out, the shortcut is x itself where the layers keep the shape, else a 1x1 convolution with the
/// stride that reaches their shape.
class Residual final : public Layer {
 public:
  static void describe(Spec<Residual>& spec) {
    spec.summary(
        "relu(layers(x) + shortcut(x)); the shortcut is x, or a 1x1 convolution where the shape changes.");
    spec.example(R"([[node.twin.layer]]
type = "residual"
layers = [
  { type = "conv", filters = 8, bias = false },
  "batch_norm",
  "relu",
  { type = "conv", filters = 8, bias = false },
  "batch_norm",
]
shortcut = [{ type = "conv", filters = 8, size = 1, bias = false }, "batch_norm"])");
    spec.param("layers", &Residual::layers)
        .doc("the inner layers, in order; the last ReLU is this layer's own")
        .required();
    spec.param("shortcut", &Residual::shortcut)
        .doc(
            "what their input goes through on its way past them, in order; by default nothing, or a 1x1 "
            "convolution where the shape changes");
    spec.check(&Residual::check);
  }
  void check(const Checking& checking) const {
    if (layers.empty()) checking.error("layers", "a residual needs at least one layer");
    const auto check_list = [&](const char* key, const Layers& list, const std::vector<std::string>& taken) {
      try {
        check_names(list, taken);
      } catch (const Error& error) {
        checking.error(key, error.what());
      }
    };
    check_list("layers", layers, {"shortcut"});
    check_list("shortcut", shortcut, {});
  }

  Shape output(Shape in) const override {
    const Shape out = output_shape(layers, in);
    if (!shortcut.empty()) {
      const Shape past = shortcut_shape(in);
      if (past != out)
        throw Error("the inner layers turn " + in.text() + " into " + out.text() +
                    ", but the shortcut makes " + past.text() + " of it");
    } else if (out != in && fitting(in, out).output(in) != out)
      throw Error("the inner layers turn " + in.text() + " into " + out.text() +
                  ", and no 1x1 convolution with one stride does the same for the shortcut");
    return out;
  }

  int plan(Program& program, const Planned& at) const override {
    const Shape in = program.activation(at.input).shape;
    const Shape out = output(in);
    // bf16 inside a bf16 network, also where the input is the f32 image.
    const int input = program.as(at.input, program.compute, program.activation(at.input).tag);
    const auto [left, right] = add_fork(program, input);
    if (layers.back()->fuses_sum()) {
      Layer::Planned last = at;
      last.sum = past_layers(program, at, in, out, right);
      last.relu = true;
      return plan_layers(program, layers, at.name + ".", left, true, last);
    }
    int inner = plan_layers(program, layers, at.name + ".", left, true);
    if (out == in && shortcut.empty()) {
      const Activation like = program.activation(right);
      return add_sum(program, program.as(inner, like.type, like.tag), right, true);
    }
    inner = program.as(inner, program.compute, program.activation(inner).tag);
    // A layer that could fuse a ReLU, but did not, never reads its output again: the shortcut may add to it
    // in place.
    if (shortcut.empty() && layers.back()->fuses_relu())
      return fitting(in, out).plan_with_sum(
          program, {.name = at.name + ".shortcut", .input = right, .relu = true}, inner);
    const int past = past_layers(program, at, in, out, right);
    const Activation like = program.activation(inner);
    return add_sum(program, inner, program.as(past, like.type, like.tag), true);
  }

  /// Where the last inner layer takes the sum, it takes what follows as well.
  bool fuses_pool() const override { return layers.back()->fuses_sum() && layers.back()->fuses_pool(); }

 private:
  Shape shortcut_shape(Shape in) const {
    try {
      return output_shape(shortcut, in);
    } catch (const Error& error) {
      throw Error(std::string("shortcut: ") + error.what());
    }
  }
  /// The shortcut, planned; returns its output.
  int past_layers(Program& program, const Planned& at, Shape in, Shape out, int input) const {
    if (!shortcut.empty()) return plan_layers(program, shortcut, at.name + ".shortcut.", input, true);
    if (out == in) return input;
    return fitting(in, out).plan(program, {.name = at.name + ".shortcut", .input = input});
  }
  static Conv fitting(Shape in, Shape out) {
    Conv conv;
    conv.filters = static_cast<std::int64_t>(out.channels);
    conv.size = 1;
    conv.stride = static_cast<std::int64_t>((in.height + out.height - 1) / out.height);
    return conv;
  }
  Layers layers, shortcut;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "residual", Residual)

}  // namespace twinflow::twin
