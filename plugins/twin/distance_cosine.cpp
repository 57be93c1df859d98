#include <cmath>
#include <vector>

#include "pair_loops.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/distance.h"

namespace twinflow::twin {
namespace {

/// d = 1 - a.b / (|a| |b|), from 0 (same direction) to 2 (opposite).
///
/// dd/da = -(b / (|a| |b|) - cos(a, b) a / |a|^2), and the same with a and b swapped. A vector shorter than
/// `shortest` has no direction: its distance to anything is 1, with no gradient.
class CosineDistance final : public Distance {
 public:
  static void describe(Spec<CosineDistance>& spec) {
    spec.summary("One minus the cosine of the angle between the embeddings: 0 to 2.");
    spec.example(R"([node.twin]
distance = "cosine")");
  }

  void forward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
               std::span<float> d) const override {
    const std::vector<float> inverse = inverse_norms(e);
    for_each_pair(pairs.size(), [&](std::size_t i) {
      const auto [a, b] = pairs[i];
      d[i] = 1.0f - dot(e.row(a), e.row(b), e.size) * (inverse[a] * inverse[b]);
    });
  }

  void backward(const Embeddings& e, std::span<const IndexPair> pairs, std::span<const float>,
                std::span<const float> d, std::span<const float> gradient_d, Embeddings& gradient_e,
                std::span<float>) const override {
    // The part along the vector itself adds up to one factor an image, so that a pair costs two multiply-adds
    // a column.
    const std::vector<float> inverse = inverse_norms(e);
    std::vector<float> along(e.count, 0.0f), across(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const auto [a, b] = pairs[i];
      const float cosine = 1.0f - d[i];
      across[i] = -gradient_d[i] * (inverse[a] * inverse[b]);
      along[a] += gradient_d[i] * cosine * inverse[a] * inverse[a];
      along[b] += gradient_d[i] * cosine * inverse[b] * inverse[b];
    }
    for_each_column_block(e.size, [&](std::size_t first, std::size_t last) {
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        add_scaled(across[i], e.row(pairs[i].b), gradient_e.row(pairs[i].a), first, last);
        add_scaled(across[i], e.row(pairs[i].a), gradient_e.row(pairs[i].b), first, last);
      }
      for (std::size_t row = 0; row < e.count; ++row)
        add_scaled(along[row], e.row(row), gradient_e.row(row), first, last);
    });
  }

 private:
  static constexpr float shortest = 1e-12f;

  static float dot(const float* a, const float* b, std::size_t size) {
    return sum_over(size, [=](std::size_t k) { return a[k] * b[k]; });
  }

  static std::vector<float> inverse_norms(const Embeddings& e) {  // 0 for a vector without a direction
    std::vector<float> inverse(e.count);
    for_each_pair(e.count, [&](std::size_t row) {
      const float* values = e.row(row);
      const float norm = std::sqrt(dot(values, values, e.size));
      inverse[row] = norm > shortest ? 1.0f / norm : 0.0f;
    });
    return inverse;
  }

  static void add_scaled(float factor, const float* __restrict from, float* __restrict to, std::size_t first,
                         std::size_t last) {
    for (std::size_t k = first; k < last; ++k) to[k] += factor * from[k];
  }
};

}  // namespace

TWINFLOW_COMPONENT("distance", "cosine", CosineDistance)

}  // namespace twinflow::twin
