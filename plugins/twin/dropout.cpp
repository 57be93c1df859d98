#include <algorithm>
#include <cmath>
#include <span>

#include "loops.h"
#include "program.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {
namespace {

using Bf16 = std::uint16_t;

/// out = in * factor where `kept`, else 0.
TWINFLOW_WIDE void multiply(float* __restrict out, const float* __restrict in,
                            const std::uint8_t* __restrict kept, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kept[i] ? in[i] * factor : 0.0f;
}
TWINFLOW_WIDE void multiply(Bf16* __restrict out, const Bf16* __restrict in,
                            const std::uint8_t* __restrict kept, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = kept[i] ? to_bf16(from_bf16(in[i]) * factor) : Bf16{0};
}

/// What is kept depends on the update and the number of the image in its batch: not on threads, nor on how a
/// batch is cut.
class DropoutOperation final : public Operation {
 public:
  DropoutOperation(Program& program, const Layer::Planned& at, double rate)
      : program_(program),
        purpose_(at.name + ".mask"),
        drop_below_(static_cast<std::uint32_t>(std::lround(rate * 0x1p32))),
        factor_(static_cast<float>(1.0 / (1.0 - rate))) {
    const Activation in = program.activation(at.input);
    half_ = in.type == memory::data_type::bf16;
    size_ = in.desc(1).get_size() / (half_ ? sizeof(Bf16) : sizeof(float));
    inputs = {at.input};
    outputs = {program.add_activation(in.shape, in.type, in.tag, in.gradient >= 0)};
  }
  void prepare(std::size_t) override {}
  void begin(std::size_t, std::size_t, std::size_t batch) override { kept_.resize(batch * size_); }
  std::size_t bytes() const override { return kept_.size(); }

  void forward(const GhostBatchTask& task) override {
    const Pass& pass = program_.pass();
    for (std::size_t i = task.first; i < task.first + task.count; ++i) {
      Random random = program_.random(purpose_, pass.update, pass.first_image + i);
      std::uint32_t drawn[256];
      for (std::size_t first = 0; first < size_; first += std::size(drawn)) {
        const std::size_t count = std::min(std::size(drawn), size_ - first);
        random.bits(std::span(drawn, count));
        std::uint8_t* kept = kept_.data() + i * size_ + first;
        for (std::size_t k = 0; k < count; ++k) kept[k] = drawn[k] >= drop_below_;
      }
    }
    apply(task, task.value(outputs[0]), task.value(inputs[0]));
  }
  void backward(const GhostBatchTask& task) override {
    if (program_.activation(inputs[0]).gradient < 0) return;
    apply(task, task.gradient(inputs[0]), task.gradient(outputs[0]));
  }

 private:
  void apply(const GhostBatchTask& task, std::byte* out, const std::byte* in) const {
    const std::uint8_t* kept = kept_.data() + task.first * size_;
    if (half_)
      multiply(reinterpret_cast<Bf16*>(out), reinterpret_cast<const Bf16*>(in), kept, factor_,
               task.count * size_);
    else
      multiply(reinterpret_cast<float*>(out), reinterpret_cast<const float*>(in), kept, factor_,
               task.count * size_);
  }

  Program& program_;
  const std::string purpose_;
  const std::uint32_t drop_below_;
  const float factor_;
  bool half_;
  std::size_t size_;                // numbers of an image, with the padding of its layout
  std::vector<std::uint8_t> kept_;  // of the whole batch: 1 or 0
};

/// In training each number becomes 0 with probability `rate`, else x / (1 - rate), so that the mean stays
/// (Srivastava et al. 2014, section 10: "inverted"). Otherwise x.
class Dropout final : public Layer {
 public:
  static void describe(Spec<Dropout>& spec) {
    spec.summary("Sets numbers to 0 at random in training, and scales the others up so that the mean stays.");
    spec.example(R"([[node.twin.layer]]
type = "dropout"
rate = 0.1

[[node.twin.layer]]
type = "dense"
units = 16)");
    spec.param("rate", &Dropout::rate).doc("probability of 0").range(0.0, 0.99);
  }
  Shape output(Shape in) const override { return in; }
  int plan(Program& program, const Planned& at) const override {
    if (!program.training || rate == 0.0) return at.input;
    auto operation = std::make_unique<DropoutOperation>(program, at, rate);
    const int made = operation->outputs[0];
    program.add(std::move(operation));
    return made;
  }

 private:
  double rate = 0.5;
};

}  // namespace

TWINFLOW_COMPONENT("layer", "dropout", Dropout)

}  // namespace twinflow::twin
