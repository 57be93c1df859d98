#include "loops.h"

#include <algorithm>

namespace twinflow::twin {
namespace {

constexpr std::size_t chunk = 1024;  // floats; a running sum stays in the first-level cache

TWINFLOW_WIDE void add(float* __restrict sum, const float* __restrict more, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) sum[i] += more[i];
}

TWINFLOW_WIDE void round_all(std::uint16_t* __restrict out, const float* __restrict in, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out[i] = to_bf16(in[i]);
}

template <class Store>
void sum_chunks(const float* const* sources, std::size_t count, std::size_t begin, std::size_t end,
                Store store) {
  float sum[chunk];
  for (std::size_t at = begin; at < end; at += chunk) {
    const std::size_t length = std::min(chunk, end - at);
    std::copy_n(sources[0] + at, length, sum);
    for (std::size_t s = 1; s < count; ++s) add(sum, sources[s] + at, length);
    store(at, sum, length);
  }
}

}  // namespace

void sum_in_order(float* out, const float* const* sources, std::size_t count, std::size_t begin,
                  std::size_t end) {
  sum_chunks(sources, count, begin, end, [out](std::size_t at, const float* sum, std::size_t length) {
    std::copy_n(sum, length, out + at);
  });
}

void sum_in_order(std::uint16_t* out, const float* const* sources, std::size_t count, std::size_t begin,
                  std::size_t end) {
  sum_chunks(sources, count, begin, end, [out](std::size_t at, const float* sum, std::size_t length) {
    round_all(out + at, sum, length);
  });
}

void round_to_bf16(std::uint16_t* out, const float* in, std::size_t count) { round_all(out, in, count); }

}  // namespace twinflow::twin
