#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <cstddef>
#include <cstdint>

#include "twinflow/bf16.h"

namespace twinflow::twin {

/// Compiles a function for wider vector units as well; the fitting one is chosen when the program starts.
#define TWINFLOW_WIDE __attribute__((target_clones("avx512f", "avx2", "default")))

/// body(i) for 0 <= i < count, one task each: how work is cut never depends on the number of threads.
template <class Body>
void parallel_each(std::size_t count, const Body& body) {
  tbb::parallel_for(
      tbb::blocked_range<std::size_t>(0, count, 1),
      [&](const tbb::blocked_range<std::size_t>& range) {
        for (std::size_t i = range.begin(); i != range.end(); ++i) body(i);
      },
      tbb::simple_partitioner());
}

/// body(begin, end) over fixed ranges of 0 .. count-1.
template <class Body>
void parallel_ranges(std::size_t count, std::size_t length, const Body& body) {
  parallel_each((count + length - 1) / length, [&](std::size_t i) {
    body(i * length, i * length + length < count ? i * length + length : count);
  });
}

/// dP/dx of the penalty P = l1 |x| + l2 x^2; 0 is taken as the slope of |x| at 0.
inline float penalty_slope(float x, float l1, float two_l2) {
  return l1 * static_cast<float>((x > 0.0f) - (x < 0.0f)) + two_l2 * x;
}

/// out = sources[0] + sources[1] + ..., in that order, over [begin, end).
void sum_in_order(float* out, const float* const* sources, std::size_t count, std::size_t begin,
                  std::size_t end);
/// The same, rounded to bf16.
void sum_in_order(std::uint16_t* out, const float* const* sources, std::size_t count, std::size_t begin,
                  std::size_t end);
void round_to_bf16(std::uint16_t* out, const float* in, std::size_t count);

}  // namespace twinflow::twin
