#include <cmath>

#include "normalize_loops.h"
#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

/// y = pool(relu(scale (x - mean) / sqrt(variance + epsilon) + shift + sum)); each of pool, relu and sum may
/// be missing. Backward, with n images times pixels, xh the normalised x and dz the gradient of all that pool
/// and relu were given (Ioffe & Szegedy 2015, section 3):
///
///   dshift = sum dz     dscale = sum dz xh     dsum = dz
///   dx = scale / sqrt(variance + epsilon) (dz - dshift / n - xh dscale / n)
class BatchNormOperation final : public Operation {
 public:
  BatchNormOperation(Program& program, const Layer::Planned& at, float momentum, float epsilon)
      : program_(program), momentum_(momentum), epsilon_(epsilon) {
    const Activation in = program.activation(at.input);
    const auto channels = static_cast<std::int64_t>(in.shape.channels);
    const memory::desc desc({channels}, memory::data_type::f32, memory::format_tag::a);
    const auto vector = [&](const char* name, double start, Parameter::Kind kind) {
      Parameter& made = program.add_parameter(at.name + name, {channels}, Initial::constant(start), kind);
      made.add_piece(0, in.shape.channels, desc, desc);
      return &made;
    };
    scale_ = vector(".weight", 1.0, Parameter::Kind::by_shard);
    shift_ = vector(".bias", 0.0, Parameter::Kind::by_shard);
    mean_ = vector(".running_mean", 0.0, Parameter::Kind::tracked);
    variance_ = vector(".running_var", 1.0, Parameter::Kind::tracked);
    inputs = {at.input};
    if (at.sum >= 0) inputs.push_back(program.as(at.sum, in.type, in.tag));
    kept = inputs;
    const Shape out{in.shape.channels, in.shape.height / at.pool, in.shape.width / at.pool};
    outputs = {program.add_activation(out, in.type, in.tag, true)};
    lay_out(in, out, at);
  }

  bool depends_on_shard() const override { return true; }
  void prepare(std::size_t) override {}

  void begin(std::size_t shards, std::size_t, std::size_t) override {
    if (shards_.size() < shards) shards_.resize(shards);
    for (Shard& shard : shards_) {
      shard.mean.need(blocks_ * planes_.lanes * sizeof(float));
      shard.variance.need(blocks_ * planes_.lanes * sizeof(float));
    }
  }

  void forward(const GhostBatchTask& task) override {
    Shard& shard = shards_[task.shard];
    const Planes planes = of(task);
    for (std::size_t block = 0; block < blocks_; ++block) {
      const std::byte* x = task.value(inputs[0]) + block * block_bytes_;
      const std::size_t first = block * planes.lanes;
      Lanes mean, variance;
      if (program_.training) {
        channel_statistics(planes, x, shard.mean.floats() + first, shard.variance.floats() + first);
        mean.read(shard.mean.floats(), first, padded());
        variance.read(shard.variance.floats(), first, padded());
      } else {
        mean.read(mean_->weights, first, channels());
        variance.read(variance_->weights, first, channels());
      }
      const Map map = affine(first, mean, variance);
      normalize(planes, x, sum(task, block), {map.a, map.b},
                task.value(outputs[0]) + block * pooled_block_bytes_);
    }
  }

  void finish_forward(std::size_t shards) override {
    if (!program_.training) return;
    means_.resize(channels());
    variances_.resize(channels());
    for (std::size_t c = 0; c < means_.size(); ++c)
      for (std::size_t s = 0; s < shards; ++s) {
        means_[c] += shards_[s].mean.floats()[c];
        variances_[c] += shards_[s].variance.floats()[c];
      }
    noted_ += static_cast<float>(shards);
  }

  void keep_statistics(const std::function<bool(const std::string&)>& of) override {
    if (noted_ > 0 && of(layer)) {
      const float part = (1.0f - momentum_) / noted_;
      for (std::size_t c = 0; c < means_.size(); ++c) {
        mean_->weights[c] = momentum_ * mean_->weights[c] + part * means_[c];
        variance_->weights[c] = momentum_ * variance_->weights[c] + part * variances_[c];
      }
    }
    for (const std::span<float> one : noted()) std::fill(one.begin(), one.end(), 0.0f);
  }
  std::vector<std::span<float>> noted() override { return {means_, variances_, {&noted_, 1}}; }

  void backward(const GhostBatchTask& task) override {
    const Shard& shard = shards_[task.shard];
    const Planes planes = of(task);
    const float pixels = static_cast<float>(planes.count * planes.height * planes.width);
    const auto gradient = [&](std::size_t input, std::size_t block) -> std::byte* {
      if (input >= inputs.size() || !task.wants_gradient(inputs[input])) return nullptr;
      return task.gradient(inputs[input]) + block * block_bytes_;
    };
    for (std::size_t block = 0; block < blocks_; ++block) {
      const std::byte *x = task.value(inputs[0]) + block * block_bytes_,
                      *dy = task.gradient(outputs[0]) + block * pooled_block_bytes_;
      const std::size_t first = block * planes.lanes;
      Lanes mean, variance, d_shift, d_scale, by_x, constant;
      mean.read(shard.mean.floats(), first, padded());
      variance.read(shard.variance.floats(), first, padded());
      const Map map = affine(first, mean, variance);
      normalize_sums(planes, x, sum(task, block), {map.a, map.b}, mean.at, dy, d_shift.at, d_scale.at);
      for (std::size_t i = 0; i < planes.lanes; ++i) {
        if (first + i >= channels()) continue;
        const float inverse = 1.0f / std::sqrt(variance.at[i] + epsilon_);
        d_scale.at[i] *= inverse;
        by_x.at[i] = -map.a[i] * inverse * d_scale.at[i] / pixels;
        constant.at[i] = -map.a[i] * d_shift.at[i] / pixels - by_x.at[i] * mean.at[i];
        task.gradient(*scale_)[first + i] = d_scale.at[i];
        task.gradient(*shift_)[first + i] = d_shift.at[i];
      }
      if (std::byte* dx = gradient(0, block), *d_sum = gradient(1, block); dx || d_sum)
        normalize_gradient(planes, x, sum(task, block), {map.a, map.b}, {map.a, by_x.at, constant.at}, dy, dx,
                           d_sum);
    }
  }

 private:
  struct Shard {
    Buffer mean, variance;
  };
  /// Numbers of a block's channels; 0 for those that only fill up the block.
  struct Lanes {
    float at[16] = {};
    void read(const float* all, std::size_t first, std::size_t end) {
      for (std::size_t i = 0; i < 16 && first + i < end; ++i) at[i] = all[first + i];
    }
  };
  struct Map {
    float a[16] = {}, b[16] = {};
  };
  /// a x + b = scale (x - mean) / sqrt(variance + epsilon) + shift
  Map affine(std::size_t first, const Lanes& mean, const Lanes& variance) const {
    Map map;
    for (std::size_t i = 0; i < planes_.lanes && first + i < channels(); ++i) {
      map.a[i] = scale_->weights[first + i] / std::sqrt(variance.at[i] + epsilon_);
      map.b[i] = shift_->weights[first + i] - map.a[i] * mean.at[i];
    }
    return map;
  }

  void lay_out(const Activation& in, const Shape& out, const Layer::Planned& at) {
    using tag = memory::format_tag;
    const std::size_t bytes = in.type == memory::data_type::bf16 ? 2 : 4;
    const std::size_t pixels = in.shape.height * in.shape.width, pooled = out.height * out.width;
    planes_.bf16 = bytes == 2;
    const bool last = in.tag == tag::nhwc;
    const auto together = [&](std::size_t lanes) { return last && in.shape.channels % lanes == 0; };
    planes_.lanes = in.tag == tag::nChw16c || together(16) ? 16
                    : in.tag == tag::nChw8c || together(8) ? 8
                                                           : 1;
    blocks_ = (in.shape.channels + planes_.lanes - 1) / planes_.lanes;
    planes_.pixel = last ? in.shape.channels : planes_.lanes;
    block_bytes_ = bytes * planes_.lanes * (last ? 1 : pixels);
    pooled_block_bytes_ = bytes * planes_.lanes * (last ? 1 : pooled);
    planes_.height = in.shape.height, planes_.width = in.shape.width;
    planes_.image = pixels * padded(), planes_.pooled_image = pooled * padded();
    planes_.window = at.pool;
    planes_.relu = at.relu;
  }

  std::size_t channels() const { return scale_->size(); }
  std::size_t padded() const { return blocks_ * planes_.lanes; }
  Planes of(const GhostBatchTask& task) const {
    Planes planes = planes_;
    planes.count = task.count;
    return planes;
  }
  const std::byte* sum(const GhostBatchTask& task, std::size_t block) const {
    return inputs.size() > 1 ? task.value(inputs[1]) + block * block_bytes_ : nullptr;
  }

  Program& program_;
  float momentum_, epsilon_;
  Parameter *scale_, *shift_, *mean_, *variance_;
  Planes planes_;  // all but the count
  std::size_t blocks_ = 0, block_bytes_ = 0, pooled_block_bytes_ = 0;
  std::vector<Shard> shards_;
  std::vector<float> means_, variances_;  // sums over `noted_` shards, since they were last kept
  float noted_ = 0.0f;
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
  bool fuses_sum() const override { return true; }
  bool fuses_pool() const override { return true; }

 private:
  double momentum = 0.99, epsilon = 1e-3;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "batch_norm", BatchNorm)

}  // namespace twinflow::twin
