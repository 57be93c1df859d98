#include "conv.h"

#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "describe.h"
#include "elementwise.h"
#include "program.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"

namespace twinflow::twin {
namespace {

using dnnl::convolution_backward_data;
using dnnl::convolution_backward_weights;
using dnnl::convolution_forward;
using Dims = memory::dims;

struct Geometry {
  Dims strides, dilates, before, after;  // height, width; dilates: pixels left out between two of the kernel
  memory::dim groups = 1;
};

/// Which passes try Winograd's algorithm.
struct Winograd {
  bool data, weights;
};

/// What make(algorithm, may_fail) makes of Winograd's algorithm where that is asked for and oneDNN has it,
/// else of the direct one.
template <class Make>
auto choose(bool winograd, const Make& make) {
  if (winograd)
    if (auto made = make(dnnl::algorithm::convolution_winograd, true)) return made;
  return make(dnnl::algorithm::convolution_direct, false);
}

/// dst = [relu](conv(src) + bias [+ dst]). Backward: the gradient is masked where dst is 0, in place.
class ConvOperation final : public Operation {
 public:
  ConvOperation(Program& program, int input, Shape out, Geometry geometry, Parameter& weights,
                Parameter* bias, bool relu, int sum, Winograd winograd)
      : program_(program),
        geometry_(geometry),
        weights_(weights),
        bias_(bias),
        relu_(relu),
        sum_(sum >= 0),
        winograd_(winograd) {
    const Activation in = program.activation(input);
    const memory::dim groups = geometry_.groups;
    const Dims dims{weights.dims[0] / groups, weights.dims[1], weights.dims[2], weights.dims[3]};
    logical_ = memory::desc(dims, memory::data_type::f32, memory::format_tag::oihw);
    if (groups > 1)
      logical_ = memory::desc({groups, dims[0], dims[1], dims[2], dims[3]}, memory::data_type::f32,
                              memory::format_tag::goihw);
    const auto [from, to] = layouts(in, out, sum_ ? program.activation(sum).tag : memory::format_tag::any);
    input = program.as(input, in.type, from);
    const auto nominal = forward_desc(program.activation(input).desc(program.shard), out, program.shard, to);
    const memory::format_tag tag = tag_of(nominal.dst_desc());
    inputs = {input};
    if (sum_) inputs.push_back(sum);
    outputs = {program.add_activation(out, in.type, tag, true, sum, sum)};
    kept = {input};
    if (relu) kept.push_back(outputs[0]);
    memory::desc master = logical_;
    if (program.training)
      master = weights_gradient_desc(nominal, any_weights(memory::data_type::f32)).diff_weights_desc();
    weights.add_piece(0, static_cast<std::size_t>(weights.dims[0]), logical_, master);
    if (bias) bias->add_piece(0, static_cast<std::size_t>(bias->dims[0]), bias_desc(), bias_desc());
  }

  void prepare(std::size_t count) override {
    last_ = count;
    if (kernels_.contains(count)) return;
    Kernels& made = kernels_[count];
    const Activation &in = program_.activation(inputs[0]), &out = program_.activation(outputs[0]);
    made.src = in.desc(count);
    made.dst = out.desc(count);
    const auto forward = forward_desc(made.src, out.shape, count, out.tag);
    made.weights = forward.weights_desc();
    made.copy = weights_.pieces[0].copy(made.weights);
    made.forward = Kernel::make<convolution_forward>(forward);
    if (!program_.training) return;
    made.weights_gradient =
        Kernel::make<convolution_backward_weights>(weights_gradient_desc(forward, weights_.pieces[0].master));
    if (in.gradient >= 0) {
      const auto data = data_gradient_desc(forward);
      made.back_weights = data.weights_desc();
      made.back_copy = weights_.pieces[0].copy(made.back_weights);
      made.data_gradient = Kernel::make<convolution_backward_data>(data);
    }
    if (relu_) made.mask = elementwise_gradient(relu, made.dst);
  }

  void forward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    const Argument src{DNNL_ARG_SRC, at.src, task.value(inputs[0])};
    const Argument weights{DNNL_ARG_WEIGHTS, at.weights, weights_.data(0, at.copy)};
    const Argument dst{DNNL_ARG_DST, at.dst, task.value(outputs[0])};
    if (bias_)
      task.run(at.forward, {src, weights, dst, {DNNL_ARG_BIAS, bias_->pieces[0].master, bias_->weights}});
    else
      task.run(at.forward, {src, weights, dst});
  }

  void backward(const GhostBatchTask& task) override {
    const Kernels& at = kernels_.at(task.count);
    const Argument diff_dst{DNNL_ARG_DIFF_DST, at.dst, task.gradient(outputs[0])};
    if (relu_) {
      task.run(at.mask, {{DNNL_ARG_DST, at.dst, task.value(outputs[0])},
                         diff_dst,
                         {DNNL_ARG_DIFF_SRC, at.dst, task.gradient(outputs[0])}});
      task.lap("backward relu");
    }
    const Argument src{DNNL_ARG_SRC, at.src, task.value(inputs[0])};
    const Argument diff_weights{DNNL_ARG_DIFF_WEIGHTS, weights_.pieces[0].master, task.gradient(weights_)};
    if (bias_)
      task.run(at.weights_gradient, {src,
                                     diff_dst,
                                     diff_weights,
                                     {DNNL_ARG_DIFF_BIAS, bias_->pieces[0].master, task.gradient(*bias_)}});
    else
      task.run(at.weights_gradient, {src, diff_dst, diff_weights});
    task.lap("backward weights");
    if (!at.data_gradient) return;
    task.run(at.data_gradient, {{DNNL_ARG_WEIGHTS, at.back_weights, weights_.data(0, at.back_copy)},
                                diff_dst,
                                {DNNL_ARG_DIFF_SRC, at.src, task.gradient(inputs[0])}});
    task.lap("backward data");
  }

  std::vector<Work> work() const override {
    const Kernels& at = kernels_.at(last_);
    const Shape out = program_.activation(outputs[0]).shape;
    double flops = 2.0 * static_cast<double>(out.height * out.width);
    for (memory::dim dim : dims_of(logical_)) flops *= static_cast<double>(dim);
    std::vector<Work> all{{"forward", flops, at.forward.name()}};
    if (at.weights_gradient) all.push_back({"backward weights", flops, at.weights_gradient.name()});
    if (at.data_gradient) all.push_back({"backward data", flops, at.data_gradient.name()});
    return all;
  }

 private:
  struct Kernels {
    memory::desc src, dst, weights, back_weights;
    int copy = -1, back_copy = -1;
    Kernel forward, weights_gradient, data_gradient, mask;
  };

  memory::desc any_weights(memory::data_type type) const {
    return {dims_of(logical_), type, memory::format_tag::any};
  }
  /// Empty where there is no bias.
  memory::desc bias_desc() const {
    return bias_ ? memory::desc({weights_.dims[0]}, memory::data_type::f32, memory::format_tag::a)
                 : memory::desc();
  }

  convolution_forward::primitive_desc forward_desc(const memory::desc& src, Shape out, std::size_t count,
                                                   memory::format_tag tag) const {
    const memory::data_type type = type_of(src);
    const memory::desc dst({static_cast<memory::dim>(count), static_cast<memory::dim>(out.channels),
                            static_cast<memory::dim>(out.height), static_cast<memory::dim>(out.width)},
                           type, tag);
    const dnnl::prop_kind kind =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    dnnl::primitive_attr attr = attributes();
    dnnl::post_ops after;
    if (sum_) after.append_sum(1.0f);
    if (relu_) append_relu(after);
    attr.set_post_ops(after);
    return choose(winograd_.data, [&](dnnl::algorithm algorithm, bool may_fail) {
      return describe<convolution_forward>(attr, may_fail, kind, algorithm, src, any_weights(type),
                                           bias_desc(), dst, geometry_.strides, geometry_.dilates,
                                           geometry_.before, geometry_.after);
    });
  }

  convolution_backward_weights::primitive_desc weights_gradient_desc(
      const convolution_forward::primitive_desc& forward, const memory::desc& weights) const {
    const memory::desc src = forward.src_desc(), dst = forward.dst_desc();
    return choose(winograd_.weights, [&](dnnl::algorithm algorithm, bool may_fail) {
      return describe_backward<convolution_backward_weights>(
          forward, may_fail, algorithm, src, weights, bias_desc(), dst, geometry_.strides, geometry_.dilates,
          geometry_.before, geometry_.after);
    });
  }

  convolution_backward_data::primitive_desc data_gradient_desc(
      const convolution_forward::primitive_desc& forward) const {
    const memory::desc src = forward.src_desc(), dst = forward.dst_desc();
    return choose(winograd_.data, [&](dnnl::algorithm algorithm, bool may_fail) {
      return describe_backward<convolution_backward_data>(
          forward, may_fail, algorithm, src, any_weights(type_of(src)), dst, geometry_.strides,
          geometry_.dilates, geometry_.before, geometry_.after);
    });
  }

  /// Layouts of input and output, the input's own where that will do. For some, as of 8 channels in bf16,
  /// oneDNN has nothing but its reference code, hundreds of times slower than to change the layout first.
  std::pair<memory::format_tag, memory::format_tag> layouts(const Activation& in, Shape out,
                                                            memory::format_tag to) const {
    using tag = memory::format_tag;
    const bool last = want_channels_last(in.type);
    std::vector<tag> inputs{in.tag, tag::nChw16c, tag::nhwc, tag::nchw}, outputs{to};
    if (last) inputs = {tag::nhwc, in.tag, tag::nChw16c, tag::nchw};
    if (to == tag::any) outputs = {last ? tag::nhwc : tag::any, tag::nChw16c, tag::nhwc, tag::nchw};
    for (const tag from : inputs)
      for (const tag one : outputs)
        if (!needs_reference_code(in, from, out, one)) return {from, one};
    return {in.tag, to};
  }
  bool needs_reference_code(Activation in, memory::format_tag from, Shape out, memory::format_tag to) const {
    const auto reference = [](const auto& pass) {
      return std::string_view(pass.impl_info_str()).starts_with("ref");
    };
    in.tag = from;
    const auto forward = forward_desc(in.desc(program_.shard), out, program_.shard, to);
    if (reference(forward)) return true;
    return program_.training &&
           (reference(weights_gradient_desc(forward, any_weights(memory::data_type::f32))) ||
            (in.gradient >= 0 && reference(data_gradient_desc(forward))));
  }

  /// The name of a layout that oneDNN chose, so that it can be had for any number of images.
  static memory::format_tag tag_of(const memory::desc& chosen) {
    using tag = memory::format_tag;
    for (tag one : {tag::nChw16c, tag::nChw8c, tag::nhwc, tag::nchw})
      if (chosen == memory::desc(dims_of(chosen), type_of(chosen), one)) return one;
    return tag::nchw;
  }

  Program& program_;
  Geometry geometry_;
  Parameter& weights_;
  Parameter* bias_;
  bool relu_, sum_;
  Winograd winograd_;
  std::size_t last_ = 0;  // images that were prepared for
  memory::desc logical_;
  std::map<std::size_t, Kernels> kernels_;
};

/// oneDNN 2 has Winograd's algorithm F(4x4, 3x3) (Lavin & Gray 2016) for f32 on AVX-512; oneDNN 3 does not
/// have it any more. It takes 36 multiplications in place of 144 for a tile of 4 x 4 outputs. Small outputs
/// leave much of their tiles empty; then the direct form is faster, except for the gradient of the weights.
/// Measured on a Zen 4 core, GFLOP/s of the direct form's arithmetic, direct to Winograd: forward at 26 x 26
/// 119 to 225, at 13 x 13 129 to 180, at 6 x 6 148 to 136; gradient of the weights 111 to 224, 111 to 200,
/// 113 to 153. Its largest error beyond the direct form's is 2e-6 of the largest value, in the gradient of
/// the weights 1e-5.
Winograd winograd(const Conv& conv, memory::data_type type, Shape out) {
  const bool fits = conv.algorithm == Conv::Algorithm::automatic && type == memory::data_type::f32 &&
                    conv.size == 3 && conv.stride == 1 && conv.dilation == 1 && conv.groups == 1;
  const auto tiled = [](std::size_t side) { return (side + 3) / 4 * 4; };
  const double waste =
      static_cast<double>(tiled(out.height) * tiled(out.width)) / static_cast<double>(out.height * out.width);
  return {fits && waste < 1.6, fits};
}

}  // namespace

void Conv::describe(Spec<Conv>& spec) {
  spec.summary("2-D convolution.");
  spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 16
size = 5
padding = "valid")");
  spec.param("filters", &Conv::filters).doc("how many output channels").min(1);
  spec.param("size", &Conv::size).doc("height and width of the kernel").unit("pixels").range(1, 65536);
  spec.param("stride", &Conv::stride).doc("step of the kernel").unit("pixels").range(1, 65536);
  spec.param("dilation", &Conv::dilation)
      .doc("distance of the kernel's pixels; 1: side by side")
      .unit("pixels")
      .range(1, 65536);
  spec.param("groups", &Conv::groups)
      .doc(
          "channels are cut into that many groups, each with filters of its own; as many as channels: "
          "depthwise. Must divide channels and filters")
      .min(1);
  spec.param("padding", &Conv::padding)
      .names({{"same", Padding::same}, {"valid", Padding::valid}})
      .doc(
          "same: zeros around, so that the output has the input's size over the stride, rounded up; valid: "
          "none");
  spec.param("algorithm", &Conv::algorithm)
      .names({{"auto", Algorithm::automatic}, {"direct", Algorithm::direct}})
      .doc(
          "auto: Winograd's algorithm where it is faster and oneDNN has it (oneDNN 2), for a 3x3 kernel with "
          "stride 1 in f32: nearly twice as fast, rounding errors up to 1e-5 of the largest value; direct: "
          "sums of products only");
  spec.param("bias", &Conv::bias).doc("add a learned number to each channel; not needed before batch_norm");
  describe_start(spec);
}

std::size_t Conv::reach() const { return static_cast<std::size_t>((size - 1) * dilation + 1); }

std::size_t Conv::extent(std::size_t in) const {
  const auto step = static_cast<std::size_t>(stride);
  return padding == Padding::same ? (in + step - 1) / step : (in - reach()) / step + 1;
}

std::size_t Conv::padding_total(std::size_t in) const {
  const std::size_t last = (extent(in) - 1) * static_cast<std::size_t>(stride) + reach();
  return padding == Padding::same && last > in ? last - in : 0;
}

Shape Conv::output(Shape in) const {
  if (padding == Padding::valid && (in.height < reach() || in.width < reach()))
    throw Error("a " + std::to_string(size) + "x" + std::to_string(size) + " convolution" +
                (dilation > 1 ? " with dilation " + std::to_string(dilation) : "") + " does not fit into " +
                in.text() + "; use padding = \"same\", a smaller size or larger images");
  if (in.channels % static_cast<std::size_t>(groups) != 0 || filters % groups != 0)
    throw Error("groups = " + std::to_string(groups) + " does not divide " + std::to_string(in.channels) +
                " channels and " + std::to_string(filters) + " filters");
  return {static_cast<std::size_t>(filters), extent(in.height), extent(in.width)};
}

int Conv::plan(Program& program, const Planned& at) const { return plan_with_sum(program, at, -1); }

int Conv::plan_with_sum(Program& program, const Planned& at, int sum) const {
  const int input = program.as(at.input, program.compute, program.activation(at.input).tag);
  const Shape in = program.activation(input).shape;
  const Shape out = output(in);
  const auto before = [&](std::size_t side) { return static_cast<memory::dim>(padding_total(side) / 2); };
  const auto after = [&](std::size_t side) {
    return static_cast<memory::dim>(padding_total(side) - padding_total(side) / 2);
  };
  const std::size_t window = static_cast<std::size_t>(size * size);
  const std::size_t channels = in.channels / static_cast<std::size_t>(groups);
  Parameter& weights = program.add_parameter(
      at.name + ".weight", {filters, static_cast<std::int64_t>(channels), size, size},
      Start::weights(channels * window, out.channels * window), Parameter::Kind::by_shard);
  Parameter* biases = nullptr;
  if (bias)
    biases = &program.add_parameter(at.name + ".bias", {filters}, Start::biases(), Parameter::Kind::by_shard);
  auto operation =
      std::make_unique<ConvOperation>(program, input, out,
                                      Geometry{{stride, stride},
                                               {dilation - 1, dilation - 1},
                                               {before(in.height), before(in.width)},
                                               {after(in.height), after(in.width)},
                                               groups},
                                      weights, biases, at.relu, sum, winograd(*this, program.compute, out));
  const int made = operation->outputs[0];
  program.add(std::move(operation));
  return made;
}

TWINFLOW_COMPONENT("layer", "conv", Conv)

}  // namespace twinflow::twin
