#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cstddef>

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

/// The slope of |a - b| along a: 1, -1, or 0 where they are equal.
inline float sign_of_difference(float a, float b) { return static_cast<float>((a > b) - (a < b)); }

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

}  // namespace twinflow::twin
