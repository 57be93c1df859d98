#include <cstdint>

#include "loops.h"
#include "optimizer_descend.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/optimizer.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void with_momentum(float* __restrict w, const float* __restrict g, float* __restrict v,
                                 std::size_t count, float keep, float rate, float part) {
  for (std::size_t i = 0; i < count; ++i) {
    v[i] = part * v[i] - rate * g[i];
    w[i] = keep * w[i] + v[i];
  }
}

TWINFLOW_WIDE void with_nesterov(float* __restrict w, const float* __restrict g, float* __restrict v,
                                 std::size_t count, float keep, float rate, float part) {
  for (std::size_t i = 0; i < count; ++i) {
    v[i] = part * v[i] - rate * g[i];
    w[i] = keep * w[i] + (part * v[i] - rate * g[i]);
  }
}

/// Stochastic gradient descent, Keras' formulas. First w -= rate weight_decay w, decoupled from the gradient.
/// Then
///
///   no momentum:  w -= rate g
///   momentum:     v = momentum v - rate g;  w += v
///   nesterov:     v = momentum v - rate g;  w += momentum v - rate g
///
/// The rate is inside v (PyTorch's is outside: the same while the rate stays the same). With momentum_epochs
/// = E, epoch e = 0, 1, ... has the momentum momentum_start + (momentum - momentum_start) min(e / E, 1): Koch
/// 2015, section 3.2, goes from 0.5 up to each layer's own. Slots: v, if there is momentum.
class Sgd final : public Optimizer {
 public:
  Sgd() { learning_rate = 0.01; }

  static void describe(Spec<Sgd>& spec) {
    spec.summary("Stochastic gradient descent, with momentum if wanted.");
    spec.example(R"([node.twin]
optimizer = { type = "sgd", learning_rate = 0.02, momentum = 0.9, momentum_start = 0.5, momentum_epochs = 20 })");
    spec.param("momentum", &Sgd::momentum).doc("part of the last step that is kept").range(0.0, 1.0);
    spec.param("momentum_start", &Sgd::momentum_start)
        .doc("momentum of the first epoch, where it is to change with the epochs")
        .range(0.0, 1.0);
    spec.param("momentum_epochs", &Sgd::momentum_epochs)
        .doc("epochs in which the momentum goes, linearly, from momentum_start to momentum")
        .unit("epochs")
        .min(1);
    spec.param("nesterov", &Sgd::nesterov).doc("look ahead along the momentum");
    spec.check(&Sgd::check);
  }
  void check(const Checking& checking) const {
    if (nesterov && momentum == 0.0) checking.error("nesterov", "nesterov needs a momentum above 0");
    if (momentum_start.has_value() != momentum_epochs.has_value())
      checking.error(momentum_start ? "momentum_start" : "momentum_epochs",
                     "momentum_start and momentum_epochs need each other");
    if (momentum_start && momentum == 0.0)
      checking.error("momentum_start",
                     "momentum_start needs a momentum above 0: that is what the momentum goes to");
  }

  std::size_t slots() const override { return momentum > 0.0 ? 1 : 0; }
  bool has_momentum() const override { return momentum > 0.0; }

  void update(std::span<float> weights, std::span<const float> gradient, std::span<float* const> slots,
              const UpdateStep& step) const override {
    const float rate = static_cast<float>(step.rate);
    if (slots.empty()) return descend(weights.data(), gradient.data(), weights.size(), keep(step), rate);
    (nesterov ? with_nesterov : with_momentum)(weights.data(), gradient.data(), slots[0], weights.size(),
                                               keep(step), rate, static_cast<float>(momentum_at(step)));
  }

 private:
  double momentum_at(const UpdateStep& step) const {
    const double target = step.momentum.value_or(momentum);
    if (!momentum_start || step.epoch >= *momentum_epochs) return target;
    const double gone = static_cast<double>(step.epoch) / static_cast<double>(*momentum_epochs);
    return *momentum_start + (target - *momentum_start) * gone;
  }

  double momentum = 0.9;
  std::optional<double> momentum_start;
  std::optional<std::uint64_t> momentum_epochs;
  bool nesterov = false;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "sgd", Sgd)

}  // namespace twinflow::twin
