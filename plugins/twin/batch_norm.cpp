#include <map>

#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using dnnl::batch_normalization_backward;
using dnnl::batch_normalization_forward;
using dnnl::normalization_flags;

const normalization_flags affine = normalization_flags::use_scale | normalization_flags::use_shift;

class BatchNormOperation final : public Operation {
 public:
  BatchNormOperation(Program& program, const Layer::Planned& at, float momentum, float epsilon)
      : program_(program), layer_(at.name), relu_(at.relu), momentum_(momentum), epsilon_(epsilon) {
    const Activation in = program.activation(at.input);
    const auto channels = static_cast<std::int64_t>(in.shape.channels);
    channels_ = memory::desc({channels}, memory::data_type::f32, memory::format_tag::a);
    const auto vector = [&](const char* name, double start, Parameter::Kind kind) {
      Parameter& made = program.add_parameter(at.name + name, {channels}, Initial::constant(start), kind);
      made.add_piece(0, in.shape.channels, channels_, channels_);
      return &made;
    };
    scale_ = vector(".weight", 1.0, Parameter::Kind::by_shard);
    shift_ = vector(".bias", 0.0, Parameter::Kind::by_shard);
    mean_ = vector(".running_mean", 0.0, Parameter::Kind::tracked);
    variance_ = vector(".running_var", 1.0, Parameter::Kind::tracked);
    inputs = {at.input};
    outputs = {program.add_activation(in.shape, in.type, in.tag, true)};
    kept = {at.input};
  }

  void prepare(std::size_t count) override {
    if (kernels_.contains(count)) return;
    Kernels& made = kernels_[count];
    made.data = program_.activation(inputs[0]).desc(count);
    normalization_flags flags = affine;
    if (relu_) flags = flags | normalization_flags::fuse_norm_relu;
    if (!program_.training) flags = flags | normalization_flags::use_global_stats;
    const auto kind =
        program_.training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
    const batch_normalization_forward::primitive_desc forward({kind, made.data, epsilon_, flags},
                                                              attributes(), engine());
    made.forward = Kernel::make<batch_normalization_forward>(forward);
    if (!program_.training) return;
    made.positive = forward.workspace_desc();
    made.backward = Kernel::make<batch_normalization_backward>(
        {{dnnl::prop_kind::backward, made.data, made.data, epsilon_, flags},
         attributes(),
         engine(),
         forward});
  }

  void begin(std::size_t shards, std::size_t largest, std::size_t) override {
    if (!program_.training) return;
    if (shards_.size() < shards) shards_.resize(shards);
    for (Shard& shard : shards_) {
      shard.mean.need(channels_.get_size());
      shard.variance.need(channels_.get_size());
      if (relu_) shard.positive.need(kernels_.at(largest).positive.get_size());
    }
  }

  void forward(const Task& task) override {
    const Kernels& at = kernels_.at(task.count);
    const bool own = program_.training;
    const Argument src{DNNL_ARG_SRC, at.data, task.value(inputs[0])},
        dst{DNNL_ARG_DST, at.data, task.value(outputs[0])}, scale{DNNL_ARG_SCALE, channels_, scale_->weights},
        shift{DNNL_ARG_SHIFT, channels_, shift_->weights},
        mean{DNNL_ARG_MEAN, channels_, own ? shards_[task.shard].mean.floats() : mean_->weights},
        variance{DNNL_ARG_VARIANCE, channels_,
                 own ? shards_[task.shard].variance.floats() : variance_->weights};
    if (own && relu_)
      task.run(at.forward, {src,
                            dst,
                            scale,
                            shift,
                            mean,
                            variance,
                            {DNNL_ARG_WORKSPACE, at.positive, shards_[task.shard].positive.data()}});
    else
      task.run(at.forward, {src, dst, scale, shift, mean, variance});
  }

  void finish_forward(std::size_t shards) override {
    if (!program_.training) return;
    means_.resize(scale_->size());
    variances_.resize(scale_->size());
    for (std::size_t c = 0; c < means_.size(); ++c)
      for (std::size_t s = 0; s < shards; ++s) {
        means_[c] += shards_[s].mean.floats()[c];
        variances_[c] += shards_[s].variance.floats()[c];
      }
    noted_ += shards;
  }

  void keep_statistics(const std::function<bool(const std::string&)>& of) override {
    if (noted_ > 0 && of(layer_)) {
      const float part = (1.0f - momentum_) / static_cast<float>(noted_);
      for (std::size_t c = 0; c < means_.size(); ++c) {
        mean_->weights[c] = momentum_ * mean_->weights[c] + part * means_[c];
        variance_->weights[c] = momentum_ * variance_->weights[c] + part * variances_[c];
      }
    }
    means_.clear();
    variances_.clear();
    noted_ = 0;
  }

  void backward(const Task& task) override {
    const Kernels& at = kernels_.at(task.count);
    const Shard& shard = shards_[task.shard];
    // Its input always wants a gradient or there is room to drop it: the primitive writes one in any case.
    const bool wanted = program_.activation(inputs[0]).gradient >= 0;
    std::byte* diff_src = wanted ? task.gradient(inputs[0]) : task.gradient(outputs[0]);
    const Argument src{DNNL_ARG_SRC, at.data, task.value(inputs[0])},
        diff_dst{DNNL_ARG_DIFF_DST, at.data, task.gradient(outputs[0])},
        diff{DNNL_ARG_DIFF_SRC, at.data, diff_src}, mean{DNNL_ARG_MEAN, channels_, shard.mean.data()},
        variance{DNNL_ARG_VARIANCE, channels_, shard.variance.data()},
        scale{DNNL_ARG_SCALE, channels_, scale_->weights}, shift{DNNL_ARG_SHIFT, channels_, shift_->weights},
        diff_scale{DNNL_ARG_DIFF_SCALE, channels_, task.gradient(*scale_)},
        diff_shift{DNNL_ARG_DIFF_SHIFT, channels_, task.gradient(*shift_)};
    if (relu_)
      task.run(at.backward, {src,
                             diff_dst,
                             diff,
                             mean,
                             variance,
                             scale,
                             shift,
                             diff_scale,
                             diff_shift,
                             {DNNL_ARG_WORKSPACE, at.positive, shard.positive.data()}});
    else
      task.run(at.backward, {src, diff_dst, diff, mean, variance, scale, shift, diff_scale, diff_shift});
  }

 private:
  struct Kernels {
    memory::desc data, positive;
    Kernel forward, backward;
  };
  struct Shard {
    Buffer mean, variance, positive;  // positive: where the fused ReLU lets the gradient through
  };
  Program& program_;
  std::string layer_;
  bool relu_;
  float momentum_, epsilon_;
  memory::desc channels_;
  Parameter *scale_, *shift_, *mean_, *variance_;
  std::map<std::size_t, Kernels> kernels_;
  std::vector<Shard> shards_;
  std::vector<float> means_, variances_;  // sums over `noted_` shards, since they were last kept
  std::size_t noted_ = 0;
};

/// y = weight * (x - mean) / sqrt(variance + epsilon) + bias for each channel (Ioffe & Szegedy 2015,
/// algorithm 1). In training, mean and (biased) variance are those of the image's shard, over its images and
/// pixels; the moving averages take the mean of the shards' statistics: moving = momentum * moving + (1 -
/// momentum) * mean. Inference uses the moving averages.
class BatchNorm final : public Layer {
 public:
  static void describe(Spec<BatchNorm>& spec) {
    spec.summary("Batch normalisation of every channel; statistics are those of a shard of the batch.");
    spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 8
bias = false

[[node.twin.layer]]
type = "batch_norm"
momentum = 0.95)");
    spec.param("momentum", &BatchNorm::momentum)
        .doc("how much of the moving averages stays at each step")
        .range(0.0, 1.0);
    spec.param("epsilon", &BatchNorm::epsilon).doc("added to the variance").min(0.0);
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    auto operation = std::make_unique<BatchNormOperation>(program, at, static_cast<float>(momentum),
                                                          static_cast<float>(epsilon));
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }
  bool fuses_relu() const override { return true; }

 private:
  double momentum = 0.99, epsilon = 1e-3;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "batch_norm", BatchNorm)

}  // namespace twinflow::twin
