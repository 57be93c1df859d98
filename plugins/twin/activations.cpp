#include "elementwise.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using dnnl::algorithm;

/// y = f(x) for each number, by oneDNN, in f32 inside, whatever the type in memory.
class Pointwise : public Layer {
 public:
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    return add_elementwise(program, at.input, function());
  }

 private:
  virtual Function function() const = 0;
};

template <class Type>
void say(Spec<Type>& spec, const std::string& type, const std::string& summary,
         const std::string& more = "") {
  spec.summary(summary);
  spec.example("[[node.twin.layer]]\ntype = \"conv\"\nfilters = 8\n\n[[node.twin.layer]]\ntype = \"" + type +
               "\"" + more);
}

/// max(x, 0); its gradient at 0 is 0. Fused into the layer before it where that is possible.
struct Relu final : Pointwise {
  static void describe(Spec<Relu>& spec) { say(spec, "relu", "max(x, 0)."); }
  Function function() const override {
    return {algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd};
  }
  bool is_relu() const override { return true; }
};

/// x where it is above 0, else alpha x (Maas, Hannun & Ng 2013); the gradient at 0 is alpha. The default
/// alpha is PyTorch's; Keras' is 0.3.
struct LeakyRelu final : Pointwise {
  static void describe(Spec<LeakyRelu>& spec) {
    say(spec, "leaky_relu", "x where it is above 0, else alpha x.", "\nalpha = 0.1");
    spec.param("alpha", &LeakyRelu::alpha).doc("slope below 0").min(0.0);
  }
  Function function() const override {
    return {algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd, static_cast<float>(alpha)};
  }
  double alpha = 0.01;
};

/// x where it is above 0, else alpha (exp(x) - 1) (Clevert, Unterthiner & Hochreiter 2016, eq. 15).
struct Elu final : Pointwise {
  static void describe(Spec<Elu>& spec) {
    say(spec, "elu", "x where it is above 0, else alpha (exp(x) - 1).", "\nalpha = 0.5");
    spec.param("alpha", &Elu::alpha).doc("minus the limit far below 0").min(0.0);
  }
  Function function() const override {
    return {algorithm::eltwise_elu, algorithm::eltwise_elu_use_dst_for_bwd, static_cast<float>(alpha)};
  }
  double alpha = 1.0;
};

/// lambda elu(x) with alpha = 1.6732632 and lambda = 1.0507010 (Klambauer, Unterthiner, Mayr & Hochreiter
/// 2017, eq. 2 and 14): as two operations, for oneDNN has no single fast one.
struct Selu final : Layer {
  static void describe(Spec<Selu>& spec) {
    say(spec, "selu", "1.0507 elu(x) with alpha = 1.6733: keeps mean 0 and variance 1.");
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    const int elu = add_elementwise(
        program, at.input,
        {algorithm::eltwise_elu, algorithm::eltwise_elu_use_dst_for_bwd, 1.6732632423543772f});
    return add_elementwise(program, elu,
                           {algorithm::eltwise_linear, algorithm::eltwise_linear, 1.0507009873554805f});
  }
};

/// x Phi(x), Phi the normal distribution function, (1 + erf(x / sqrt 2)) / 2; or, with approximate = "tanh",
/// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) (Hendrycks & Gimpel 2016).
struct Gelu final : Pointwise {
  enum class Approximate { none, tanh };
  static void describe(Spec<Gelu>& spec) {
    say(spec, "gelu", "x times the probability that a normal number is below x.");
    spec.param("approximate", &Gelu::approximate)
        .names({{"none", Approximate::none}, {"tanh", Approximate::tanh}})
        .doc("none: by erf; tanh: x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))");
  }
  Function function() const override {
    const auto one =
        approximate == Approximate::none ? algorithm::eltwise_gelu_erf : algorithm::eltwise_gelu_tanh;
    return {one, one};
  }
  Approximate approximate = Approximate::none;
};

/// x / (1 + exp(-x)) (Ramachandran, Zoph & Le 2017, beta = 1); PyTorch's SiLU.
struct Swish final : Pointwise {
  static void describe(Spec<Swish>& spec) { say(spec, "swish", "x / (1 + exp(-x))."); }
  Function function() const override { return {algorithm::eltwise_swish, algorithm::eltwise_swish, 1.0f}; }
};

/// x tanh(log(1 + exp(x))) (Misra 2019).
struct Mish final : Pointwise {
  static void describe(Spec<Mish>& spec) { say(spec, "mish", "x tanh(log(1 + exp(x)))."); }
  Function function() const override { return {algorithm::eltwise_mish, algorithm::eltwise_mish}; }
};

/// x min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, "Searching for MobileNetV3", section 5.2). oneDNN 3
/// computes x min(max(alpha x + beta, 0), 1); oneDNN 2 ignores alpha and beta.
struct Hardswish final : Pointwise {
  static void describe(Spec<Hardswish>& spec) { say(spec, "hardswish", "x min(max(x + 3, 0), 6) / 6."); }
  Function function() const override {
    return {algorithm::eltwise_hardswish, algorithm::eltwise_hardswish, 1.0f / 6.0f, 0.5f};
  }
};

struct Tanh final : Pointwise {
  static void describe(Spec<Tanh>& spec) { say(spec, "tanh", "The hyperbolic tangent."); }
  Function function() const override {
    return {algorithm::eltwise_tanh, algorithm::eltwise_tanh_use_dst_for_bwd};
  }
};

struct Sigmoid final : Pointwise {
  static void describe(Spec<Sigmoid>& spec) { say(spec, "sigmoid", "1 / (1 + exp(-x))."); }
  Function function() const override {
    return {algorithm::eltwise_logistic, algorithm::eltwise_logistic_use_dst_for_bwd};
  }
};

struct Softplus final : Pointwise {
  static void describe(Spec<Softplus>& spec) { say(spec, "softplus", "log(1 + exp(x))."); }
  Function function() const override {
    return {algorithm::eltwise_soft_relu, algorithm::eltwise_soft_relu, 1.0f};
  }
};

/// min(max(x, low), high); the gradient is 0 at and beyond both ends. clip 0 to 6 is ReLU6. The gradient is
/// had from x: y in bf16 may be an end rounded to the inner side.
struct Clip final : Pointwise {
  static void describe(Spec<Clip>& spec) {
    say(spec, "clip", "min(max(x, low), high): a hard limit on what a layer gives.", "\nlow = -1.0");
    spec.param("low", &Clip::low).doc("the smallest output");
    spec.param("high", &Clip::high).doc("the largest output");
    spec.check(&Clip::check);
  }
  void check(const Checking& checking) const {
    if (low >= high)
      checking.error("low", "the low end " + ParamType<double>::text(low) + " is not below the high end " +
                                ParamType<double>::text(high));
  }
  Function function() const override {
    return {algorithm::eltwise_clip_v2, algorithm::eltwise_clip_v2, static_cast<float>(low),
            static_cast<float>(high)};
  }
  double low = 0.0, high = 6.0;
};

/// x itself, at no cost.
struct Linear final : Layer {
  static void describe(Spec<Linear>& spec) { say(spec, "linear", "x itself: no activation."); }
  Shape output(Shape in) const override { return in; }
  int plan(Program&, const Planned& at) const override { return at.input; }
};

}  // namespace

TWINFLOW_COMPONENT("layer", "relu", Relu)
TWINFLOW_COMPONENT("layer", "leaky_relu", LeakyRelu)
TWINFLOW_COMPONENT("layer", "elu", Elu)
TWINFLOW_COMPONENT("layer", "selu", Selu)
TWINFLOW_COMPONENT("layer", "gelu", Gelu)
TWINFLOW_COMPONENT("layer", "swish", Swish)
TWINFLOW_COMPONENT("layer", "mish", Mish)
TWINFLOW_COMPONENT("layer", "hardswish", Hardswish)
TWINFLOW_COMPONENT("layer", "tanh", Tanh)
TWINFLOW_COMPONENT("layer", "sigmoid", Sigmoid)
TWINFLOW_COMPONENT("layer", "softplus", Softplus)
TWINFLOW_COMPONENT("layer", "clip", Clip)
TWINFLOW_COMPONENT("layer", "linear", Linear)

}  // namespace twinflow::twin
