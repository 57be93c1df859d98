#include <algorithm>
#include <cmath>

#include "loops.h"
#include "optimizer_adam.h"
#include "optimizer_descend.h"
#include "orthogonalize.h"
#include "twinflow/plugin.h"

namespace twinflow::twin {
namespace {

/// u = what the momentum gives of a gradient, Nesterov's way.
TWINFLOW_WIDE void average(float* __restrict m, const float* __restrict g, float* __restrict u,
                           std::size_t count, float momentum) {
  for (std::size_t i = 0; i < count; ++i) {
    m[i] = momentum * m[i] + (1.0f - momentum) * g[i];
    u[i] = momentum * m[i] + (1.0f - momentum) * g[i];
  }
}

/// Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"): a step along the
/// momentum of the gradients with all its singular values brought near 1, so that directions which gradients
/// seldom show are learned as fast as those which they always show. With a layer's weights as a matrix, a row
/// for each output:
///
///   m = momentum m + (1 - momentum) g          u = momentum m + (1 - momentum) g
///   w -= rate 0.2 sqrt(max(rows, columns)) orthogonalize(u)
///
/// The factor gives a step the size of AdamW's steps, so that rates of the two compare (Liu et al. 2025,
/// "Muon is scalable for LLM training", section 2.2). Biases, what normalisation learns and matrices of one
/// row or column are updated by AdamW, and so are those whose shorter side is above max_side: the work grows
/// with its cube. Unlike there, the first and the last layer are matrices like all others. Decay as in AdamW.
/// Slots: m, and AdamW's v, which a matrix has but does not use.
class Muon final : public Adam {
 public:
  Muon() { weight_decay = 0.01; }

  static void describe(Spec<Muon>& spec) {
    spec.summary("Momentum whose step is equally long in all directions of a layer; biases: AdamW.");
    spec.example(R"([node.twin]
optimizer = { type = "muon", learning_rate = 2e-3, weight_decay = 1e-4 })");
    spec.param("momentum", &Muon::momentum).doc("decay of the mean of gradients").range(0.0, 0.9999999);
    spec.param("max_side", &Muon::max_side)
        .doc("matrices whose shorter side is longer are updated by AdamW: the work grows with its cube")
        .min(2);
    describe_moments(spec);
  }

  bool has_momentum() const override { return true; }  // of matrices; vectors keep beta_1
  bool takes_matrix(std::span<const std::int64_t> dims) const override {
    std::int64_t columns = 1;
    for (std::size_t i = 1; i < dims.size(); ++i) columns *= dims[i];
    const std::int64_t side = std::min(dims[0], columns);
    return 1 < side && side <= max_side;
  }

  void update_matrix(const MatrixUpdate& matrix, const UpdateStep& step) const override {
    const std::size_t count = matrix.weights.size();
    std::vector<float> u(count);
    average(matrix.slots[0], matrix.gradient.data(), u.data(), count,
            static_cast<float>(step.momentum.value_or(momentum)));
    std::vector<float> rows = matrix.row_major(u);
    orthogonalize(rows, matrix.rows, matrix.columns);
    matrix.lay_out(rows, u);
    const double longer = static_cast<double>(std::max(matrix.rows, matrix.columns));
    descend(matrix.weights.data(), u.data(), count, keep(step),
            static_cast<float>(step.rate * 0.2 * std::sqrt(longer)));
  }

 private:
  double momentum = 0.95;
  std::int64_t max_side = 1024;
};

}  // namespace

TWINFLOW_COMPONENT("optimizer", "muon", Muon)

}  // namespace twinflow::twin
