#include <algorithm>
#include <map>

#include "describe.h"
#include "initial_params.h"
#include "loops.h"
#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using dnnl::inner_product_backward_data;
using dnnl::inner_product_backward_weights;
using dnnl::inner_product_forward;

/// The whole batch at once, cut into blocks of output units rather than of images: a large layer's gradient
/// is then written once, by whoever owns the block. The blocks' parts of the data gradient are summed in
/// order.
class DenseOperation final : public Operation {
 public:
  DenseOperation(Program& program, int input, std::size_t units, Parameter& weights, Parameter* bias)
      : program_(program), units_(units), weights_(weights), bias_(bias) {
    inputs = {input};
    outputs = {program.add_activation({units, 1, 1}, memory::data_type::f32, memory::format_tag::nchw, true)};
    kept = {input};
    const std::size_t count = std::clamp<std::size_t>(units / 64, 1, 16);
    for (std::size_t b = 0; b <= count; ++b) rows_.push_back(units * b / count);
    for (std::size_t b = 0; b < count; ++b) {
      const memory::desc master = block_weights(b, memory::data_type::f32);
      const memory::desc logical(dims_of(master), memory::data_type::f32, memory::format_tag::oihw);
      weights.add_piece(rows_[b], rows(b), logical, master);
      if (bias) bias->add_piece(rows_[b], rows(b), bias_desc(b), bias_desc(b));
    }
  }

  bool whole_batch() const override { return true; }

  std::vector<Work> work() const override {
    const Kernels& at = kernels_.at(last_).front();
    const double flops = 2.0 * static_cast<double>(units_ * program_.activation(inputs[0]).shape.size());
    std::vector<Work> all{{"forward", flops, at.forward.name()}};
    if (at.weights_gradient) all.push_back({"backward weights", flops, at.weights_gradient.name()});
    if (at.data_gradient) all.push_back({"backward data", flops, at.data_gradient.name()});
    return all;
  }

  void prepare(std::size_t count) override {
    last_ = count;
    if (kernels_.contains(count)) return;
    const Activation& in = program_.activation(inputs[0]);
    for (std::size_t b = 0; b + 1 < rows_.size(); ++b) {
      Kernels made;
      made.src = in.desc(count);
      const auto forward = forward_desc(b, count);
      made.dst = forward.dst_desc();
      made.weights = forward.weights_desc();
      made.copy = weights_.pieces[b].copy(made.weights);
      made.forward = Kernel::make<inner_product_forward>(forward);
      if (program_.training) {
        made.diff_dst = memory::desc(dims_of(made.dst), in.type, memory::format_tag::nc);
        made.weights_gradient =
            Kernel::make<inner_product_backward_weights>(weights_gradient_desc(forward, b));
        made.diff_src = memory::desc(dims_of(made.src), memory::data_type::f32, in.tag);
        const auto data = describe_backward<inner_product_backward_data>(
            forward, false, made.diff_src, block_weights(b, in.type), made.diff_dst);
        made.back_weights = data.weights_desc();
        made.back_copy = weights_.pieces[b].copy(made.back_weights);
        made.data_gradient = Kernel::make<inner_product_backward_data>(data);
      }
      kernels_[count].push_back(std::move(made));
    }
  }

  void begin(std::size_t, std::size_t, std::size_t batch) override {
    const std::vector<Kernels>& at = kernels_.at(batch);
    blocks_.resize(at.size());
    for (std::size_t b = 0; b < at.size(); ++b) {
      blocks_[b].values.need(at[b].dst.get_size());
      if (program_.training && program_.activation(inputs[0]).gradient >= 0)
        blocks_[b].data_gradient.need(at[b].diff_src.get_size());
    }
  }

  std::size_t bytes() const override {
    std::size_t sum = 0;
    for (const Block& block : blocks_) sum += block.values.size() + block.data_gradient.size();
    return sum;
  }

  void forward(const GhostBatchTask& task) override {
    const std::vector<Kernels>& kernels = kernels_.at(task.count);
    float* out = reinterpret_cast<float*>(task.value(outputs[0]));
    const std::byte* src = task.value(inputs[0]);
    parallel_each(kernels.size(), [&](std::size_t b) {
      one_thread();
      const Kernels& at = kernels[b];
      Slot& slot = program_.slot();
      slot.watch.start(program_.profile, layer);
      const Argument from{DNNL_ARG_SRC, at.src, src},
          weights{DNNL_ARG_WEIGHTS, at.weights, weights_.data(b, at.copy)},
          to{DNNL_ARG_DST, at.dst, blocks_[b].values.data()};
      if (bias_)
        slot.run(at.forward,
                 {from, weights, to, {DNNL_ARG_BIAS, bias_->pieces[b].master, bias_->data(b, -1)}});
      else
        slot.run(at.forward, {from, weights, to});
      for (std::size_t i = 0; i < task.count; ++i)
        std::copy_n(blocks_[b].values.floats() + i * rows(b), rows(b), out + i * units_ + rows_[b]);
      slot.watch.lap("forward");
    });
  }

  void backward(const GhostBatchTask& task) override {
    const std::vector<Kernels>& kernels = kernels_.at(task.count);
    const Activation& in = program_.activation(inputs[0]);
    const float* given = reinterpret_cast<const float*>(task.gradient(outputs[0]));
    const std::byte* src = task.value(inputs[0]);
    parallel_each(kernels.size(), [&](std::size_t b) {
      one_thread();
      backward_block(kernels[b], b, task.count, given, src);
    });
    if (in.gradient < 0) return;
    std::vector<const float*> parts;
    for (const Block& block : blocks_) parts.push_back(block.data_gradient.floats());
    std::byte* out = task.gradient(inputs[0]);
    parallel_ranges(
        kernels[0].diff_src.get_size() / sizeof(float), 16384, [&](std::size_t begin, std::size_t end) {
          if (in.type == memory::data_type::bf16)
            sum_in_order(reinterpret_cast<std::uint16_t*>(out), parts.data(), parts.size(), begin, end);
          else
            sum_in_order(reinterpret_cast<float*>(out), parts.data(), parts.size(), begin, end);
        });
  }

 private:
  struct Kernels {
    memory::desc src, dst, weights, diff_src, diff_dst, back_weights;
    int copy = -1, back_copy = -1;
    Kernel forward, weights_gradient, data_gradient;
  };
  struct Block {
    Buffer values, data_gradient;  // count x rows; like the input, but f32
  };

  void backward_block(const Kernels& at, std::size_t b, std::size_t count, const float* given,
                      const std::byte* src) {
    Slot& slot = program_.slot();
    slot.watch.start(program_.profile, layer);
    // The block's columns, in the compute type, take the place of its values, which nobody reads any more.
    for (std::size_t i = 0; i < count; ++i) {
      const float* from = given + i * units_ + rows_[b];
      if (type_of(at.diff_dst) == memory::data_type::bf16)
        round_to_bf16(reinterpret_cast<std::uint16_t*>(blocks_[b].values.data()) + i * rows(b), from,
                      rows(b));
      else
        std::copy_n(from, rows(b), blocks_[b].values.floats() + i * rows(b));
    }
    const Argument diff_dst{DNNL_ARG_DIFF_DST, at.diff_dst, blocks_[b].values.data()},
        from{DNNL_ARG_SRC, at.src, src},
        diff_weights{DNNL_ARG_DIFF_WEIGHTS, weights_.pieces[b].master,
                     weights_.gradient + weights_.pieces[b].offset};
    if (bias_)
      slot.run(at.weights_gradient,
               {from,
                diff_dst,
                diff_weights,
                {DNNL_ARG_DIFF_BIAS, bias_->pieces[b].master, bias_->gradient + bias_->pieces[b].offset}});
    else
      slot.run(at.weights_gradient, {from, diff_dst, diff_weights});
    slot.watch.lap("backward weights");
    if (program_.activation(inputs[0]).gradient < 0) return;
    slot.run(at.data_gradient, {{DNNL_ARG_WEIGHTS, at.back_weights, weights_.data(b, at.back_copy)},
                                diff_dst,
                                {DNNL_ARG_DIFF_SRC, at.diff_src, blocks_[b].data_gradient.data()}});
    slot.watch.lap("backward data");
  }

  std::size_t rows(std::size_t b) const { return rows_[b + 1] - rows_[b]; }
  /// Rows laid out as images are: all three multiplications can use that, so an f32 layer needs no copy of
  /// its weights.
  memory::desc block_weights(std::size_t b, memory::data_type type) const {
    const Activation& in = program_.activation(inputs[0]);
    return {{static_cast<memory::dim>(rows(b)), static_cast<memory::dim>(in.shape.channels),
             static_cast<memory::dim>(in.shape.height), static_cast<memory::dim>(in.shape.width)},
            type,
            in.tag};
  }
  /// Empty where there is no bias.
  memory::desc bias_desc(std::size_t b) const {
    return bias_ ? memory::desc({static_cast<memory::dim>(rows(b))}, memory::data_type::f32,
                                memory::format_tag::a)
                 : memory::desc();
  }
  inner_product_forward::primitive_desc forward_desc(std::size_t b, std::size_t count) const {
    const Activation& in = program_.activation(inputs[0]);
    const memory::desc dst({static_cast<memory::dim>(count), static_cast<memory::dim>(rows(b))},
                           memory::data_type::f32, memory::format_tag::nc);
    const auto kind =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    return describe<inner_product_forward>(attributes(), false, kind, in.desc(count),
                                           block_weights(b, in.type), bias_desc(b), dst);
  }
  inner_product_backward_weights::primitive_desc weights_gradient_desc(
      const inner_product_forward::primitive_desc& forward, std::size_t b) const {
    const memory::desc src = forward.src_desc();
    const memory::desc diff_dst(dims_of(forward.dst_desc()), type_of(src), memory::format_tag::nc);
    return describe_backward<inner_product_backward_weights>(forward, false, src, weights_.pieces[b].master,
                                                             bias_desc(b), diff_dst);
  }

  Program& program_;
  std::size_t units_;
  Parameter& weights_;
  Parameter* bias_;
  std::size_t last_ = 0;           // images that were prepared for
  std::vector<std::size_t> rows_;  // first unit of each block, and the count
  std::map<std::size_t, std::vector<Kernels>> kernels_;
  std::vector<Block> blocks_;
};

/// y = W x + b over all numbers of an image, flattened as channels, rows, columns: W is units x inputs. Its
/// output is f32.
class Dense final : public Layer, public Start {
 public:
  static void describe(Spec<Dense>& spec) {
    spec.summary("A fully connected layer over the flattened input.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 64)");
    spec.param("units", &Dense::units).doc("how many outputs").min(1).required();
    spec.param("bias", &Dense::bias).doc("add a learned number to each output");
    describe_start(spec);
  }
  Shape output(Shape) const override { return {static_cast<std::size_t>(units), 1, 1}; }
  int plan(Program& program, const Planned& at) const override {
    const int input = program.as(at.input, program.compute, program.activation(at.input).tag);
    const std::size_t size = program.activation(input).shape.size();
    const auto outputs = static_cast<std::size_t>(units);
    Parameter& weights = program.add_parameter(at.name + ".weight", {units, static_cast<std::int64_t>(size)},
                                               Start::weights(size, outputs), Parameter::Kind::by_batch);
    Parameter* biases = nullptr;
    if (bias)
      biases = &program.add_parameter(at.name + ".bias", {units}, Start::biases(), Parameter::Kind::by_batch);
    auto operation = std::make_unique<DenseOperation>(program, input, outputs, weights, biases);
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }

 private:
  std::int64_t units = 256;
  bool bias = true;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "dense", Dense)

}  // namespace twinflow::twin
