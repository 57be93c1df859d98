#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "twinflow/twin/embeddings.h"

/// The loops that the distances share.
namespace twinflow::twin {

/// The sum of term(k) over k = 0 .. size-1. Kept as 16 partial sums, which the compiler turns into vector
/// registers: a single running sum would be a chain that it may not reorder. The order is fixed.
template <class Term>
inline float sum_over(std::size_t size, const Term& term) {
  constexpr std::size_t lanes = 16;
  float sums[lanes] = {};
  std::size_t k = 0;
  for (; k + lanes <= size; k += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += term(k + lane);
  for (std::size_t lane = 0; k < size; ++k, ++lane) sums[lane] += term(k);
  for (std::size_t half = lanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

/// What distances sum over the numbers of two embeddings. Both are the same, or the opposite, for a and b
/// swapped.
struct AbsoluteDifference {
  static float value(float a, float b) { return std::abs(a - b); }
  /// Along a; 0 where they are equal. Along b it is the opposite.
  static float slope(float a, float b) { return static_cast<float>((a > b) - (a < b)); }
};
struct SquaredDifference {
  static float value(float a, float b) { return (a - b) * (a - b); }
  static float slope(float a, float b) { return 2.0f * (a - b); }
};

/// body(i) for i = 0 .. count-1, in parallel; each may only write what belongs to i.
template <class Body>
inline void for_each_pair(std::size_t count, const Body& body) {
  tbb::parallel_for(tbb::blocked_range<std::size_t>(0, count, 128), [&](const auto& range) {
    for (std::size_t i = range.begin(); i != range.end(); ++i) body(i);
  });
}

/// body(first, last) for column blocks [first, last) that cover 0 .. size-1, in parallel. Backward passes go
/// over columns rather than pairs: pairs share rows, so threads would add to one place, in no fixed order.
template <class Body>
inline void for_each_column_block(std::size_t size, const Body& body) {
  constexpr std::size_t columns = 64;  // that many columns of 128 images: 32 KiB, a level-1 cache
  tbb::parallel_for(std::size_t{0}, (size + columns - 1) / columns,
                    [&](std::size_t block) { body(block * columns, std::min(size, (block + 1) * columns)); });
}

/// The weight 1, for sums without weights.
constexpr auto unweighted = [](std::size_t) { return 1.0f; };

/// d[i] = sum_k w_k Difference(a_k, b_k), for each pair (a, b); w(k): the weight.
template <class Difference, class Weight>
inline void sum_differences(const Embeddings& e, std::span<const IndexPair> pairs, std::span<float> d,
                            const Weight& w) {
  for_each_pair(pairs.size(), [&](std::size_t i) {
    const float* a = e.row(pairs[i].a);
    const float* b = e.row(pairs[i].b);
    d[i] = sum_over(e.size, [=](std::size_t k) { return w(k) * Difference::value(a[k], b[k]); });
  });
}

/// The gradients of sum_i factor(i) d[i]: added to gradient_e and, each weight's own, to gradient_w, unless
/// it is empty.
template <class Difference, class Weight, class Factor>
inline void add_slopes(const Embeddings& e, std::span<const IndexPair> pairs, Embeddings& gradient_e,
                       std::span<float> gradient_w, const Weight& w, const Factor& factor) {
  for_each_column_block(e.size, [&](std::size_t first, std::size_t last) {
    float* __restrict to_w = gradient_w.data();
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const float* __restrict a = e.row(pairs[i].a);
      const float* __restrict b = e.row(pairs[i].b);
      float* to_a = gradient_e.row(pairs[i].a);
      float* to_b = gradient_e.row(pairs[i].b);
      const float g = factor(i);
      for (std::size_t k = first; k < last; ++k) {
        const float step = g * w(k) * Difference::slope(a[k], b[k]);
        to_a[k] += step;
        to_b[k] -= step;
      }
      if (to_w)
        for (std::size_t k = first; k < last; ++k) to_w[k] += g * Difference::value(a[k], b[k]);
    }
  });
}

}  // namespace twinflow::twin
