#include "warp_loops.h"

#include <cmath>
#include <cstring>

#include "twinflow/dataset.h"

/// Compiled for wider vector units as well; the fitting one is chosen when the program starts. What such a
/// function calls has to be inlined into it.
#define TWINFLOW_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define TWINFLOW_INLINE inline __attribute__((always_inline))

namespace twinflow::augment {
namespace {

// Each for one axis: a place, and how many pixels there are along it.
struct None {
  TWINFLOW_INLINE float operator()(float place, float) const { return place; }
};
struct Mirror {
  TWINFLOW_INLINE float operator()(float place, float count) const {
    const float period = 2 * count, at = place + 0.5f;
    const float within = at - period * std::floor(at / period), back = period - within;
    return (within < back ? within : back) - 0.5f;
  }
};
struct Wrap {
  TWINFLOW_INLINE float operator()(float place, float count) const {
    return place - count * std::floor(place / count);
  }
};
struct ScipyWrap {
  TWINFLOW_INLINE float operator()(float place, float count) const {
    const float period = count - 1;
    const float below = place + period * (std::floor(-place / period) + 1);
    const float above = place - period * std::floor(place / period);
    return place < 0 ? below : place > period ? above : place;
  }
};
struct ScipyCut {
  TWINFLOW_INLINE float operator()(float place, float count) const {
    return place >= 0 && place <= count - 1 ? place : -count;
  }
};

// Each makes the value at a place that is counted from the corner of the border, so that it is never
// negative.
struct Bytes {
  Bordered<std::uint16_t> source;
  TWINFLOW_INLINE float operator()(float row, float column) const {
    const int r = static_cast<int>(row), c = static_cast<int>(column);
    const float down = row - static_cast<float>(r), right = column - static_cast<float>(c);
    std::uint32_t four;
    std::memcpy(&four, source.pixels + (r * source.stride + c), sizeof four);
    const auto byte = [&](int i) { return static_cast<float>(static_cast<int>(four >> (8 * i) & 255u)); };
    const float left_side = byte(0) + down * (byte(1) - byte(0));
    const float right_side = byte(2) + down * (byte(3) - byte(2));
    return (left_side + right * (right_side - left_side)) / 255.0f;
  }
};
struct Bilinear {
  Bordered<float> source;
  TWINFLOW_INLINE float operator()(float row, float column) const {
    const int r = static_cast<int>(row), c = static_cast<int>(column);
    const float down = row - static_cast<float>(r), right = column - static_cast<float>(c);
    const int at = r * source.stride + c, below = at + source.stride;
    const float* p = source.pixels;
    const float left_side = p[at] + down * (p[below] - p[at]);
    const float right_side = p[at + 1] + down * (p[below + 1] - p[at + 1]);
    return left_side + right * (right_side - left_side);
  }
};
struct Nearest {
  Bordered<float> source;
  TWINFLOW_INLINE float operator()(float row, float column) const {
    return source.pixels[static_cast<int>(row + 0.5f) * source.stride + static_cast<int>(column + 0.5f)];
  }
};
struct Cubic {
  Bordered<float> source;
  float low, high;

  struct Weights {
    float at[4];
  };
  /// For the pixels at -1, 0, 1 and 2 of a place between 0 and 1.
  static TWINFLOW_INLINE Weights weights(float place) {
    constexpr float a = -0.75f;
    const float far = place + 1, other = 1 - place;
    Weights w;
    w.at[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    w.at[1] = ((a + 2) * place - (a + 3)) * place * place + 1;
    w.at[2] = ((a + 2) * other - (a + 3)) * other * other + 1;
    w.at[3] = 1 - w.at[0] - w.at[1] - w.at[2];
    return w;
  }
  TWINFLOW_INLINE float operator()(float row, float column) const {
    const int r = static_cast<int>(row), c = static_cast<int>(column);
    const Weights down = weights(row - static_cast<float>(r));
    const Weights right = weights(column - static_cast<float>(c));
    float sum = 0;
    for (int i = 0; i < 4; ++i) {
      const float* p = source.pixels + ((r + i - 1) * source.stride + c - 1);
      sum += down.at[i] * (right.at[0] * p[0] + right.at[1] * p[1] + right.at[2] * p[2] + right.at[3] * p[3]);
    }
    return sum < low ? low : sum > high ? high : sum;
  }
};

template <class Folding, class Sample>
TWINFLOW_INLINE void fill(const Walk& walk, int before, float* __restrict target, const Folding& folded,
                          const Sample& sample) {
  const float height = static_cast<float>(walk.height), width = static_cast<float>(walk.width);
  const float reach = static_cast<float>(walk.reach), corner = static_cast<float>(before);
  const float lowest = height - 1 + reach, rightmost = width - 1 + reach;
  const float row_step = static_cast<float>(walk.matrix[1]), column_step = static_cast<float>(walk.matrix[4]);
  for (int y = 0; y < walk.height; ++y) {
    // In double up to here: what rounding there is, is that of one row.
    const float first_row = static_cast<float>(walk.matrix[0] * y + walk.matrix[2]);
    const float first_column = static_cast<float>(walk.matrix[3] * y + walk.matrix[5]);
    for (int x = 0; x < walk.width; ++x) {
      float row = folded(first_row + row_step * static_cast<float>(x), height);
      float column = folded(first_column + column_step * static_cast<float>(x), width);
      row = row > -reach ? row : -reach;  // NaN, too
      row = row < lowest ? row : lowest;
      column = column > -reach ? column : -reach;
      column = column < rightmost ? column : rightmost;
      target[x] = sample(row + corner, column + corner);
    }
    target += walk.width;
  }
}

template <class Sample>
TWINFLOW_INLINE void fill(const Walk& walk, float* target, const Sample& sample) {
  const int before = sample.source.before;
  switch (walk.fold) {
    case Fold::none:
      return fill(walk, before, target, None{}, sample);
    case Fold::mirror:
      return fill(walk, before, target, Mirror{}, sample);
    case Fold::wrap:
      return fill(walk, before, target, Wrap{}, sample);
    case Fold::scipy_wrap:
      return fill(walk, before, target, ScipyWrap{}, sample);
    case Fold::scipy_cut:
      return fill(walk, before, target, ScipyCut{}, sample);
  }
}

}  // namespace

TWINFLOW_WIDE void warp_bytes(const Walk& walk, const Bordered<std::uint16_t>& source, float* target) {
  fill(walk, target, Bytes{source});
}
TWINFLOW_WIDE void warp_bilinear(const Walk& walk, const Bordered<float>& source, float* target) {
  fill(walk, target, Bilinear{source});
}
TWINFLOW_WIDE void warp_nearest(const Walk& walk, const Bordered<float>& source, float* target) {
  fill(walk, target, Nearest{source});
}
TWINFLOW_WIDE void warp_cubic(const Walk& walk, const Bordered<float>& source, float low, float high,
                              float* target) {
  fill(walk, target, Cubic{source, low, high});
}

TWINFLOW_WIDE void interleave(const std::uint8_t* above, const std::uint8_t* below, std::uint16_t* to,
                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint16_t>(above[i] | below[i] << 8);
}
TWINFLOW_WIDE void to_unit(const std::uint8_t* from, float* to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = unit_pixel(from[i]);
}

}  // namespace twinflow::augment
