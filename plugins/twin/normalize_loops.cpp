#include "normalize_loops.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "loops.h"

// Vectors never cross a call: everything here is inlined into the four functions at the end.
#pragma GCC diagnostic ignored "-Wpsabi"
#define INLINE inline __attribute__((always_inline))
#define INLINED __attribute__((always_inline))  // of a lambda

namespace twinflow::twin {
namespace {

/// The values of `Lanes` channels at one pixel, in a vector register.
template <int Lanes>
struct Vector {
  typedef float F __attribute__((vector_size(Lanes * 4)));
  typedef double D __attribute__((vector_size(Lanes * 8)));
  typedef std::uint32_t U __attribute__((vector_size(Lanes * 4)));
  typedef std::uint16_t H __attribute__((vector_size(Lanes * 2)));
};

/// `Native`: with the processor's own instructions for bf16, 16 lanes at once; else by shifts. GCC 12 takes
/// conversions between vectors of different sizes apart, hence the instructions by name.
template <class Type, int Lanes, bool Native>
struct Memory {
  using V = Vector<Lanes>;
  using F = typename V::F;

  static INLINE F load(const Type* from) {
    F value;
    if constexpr (std::is_same_v<Type, float>) {
      std::memcpy(&value, from, sizeof value);
    } else {
      typename V::U bits;
      if constexpr (Native) {
        struct Block {
          Type values[Lanes];
        };
        asm("vpmovzxwd %1, %0" : "=v"(bits) : "m"(*reinterpret_cast<const Block*>(from)));
      } else {
        typename V::H half;
        std::memcpy(&half, from, sizeof half);
        bits = __builtin_convertvector(half, typename V::U);
      }
      bits = bits << 16;
      std::memcpy(&value, &bits, sizeof value);
    }
    return value;
  }
  /// bf16: to the nearest, ties to even. As to_bf16(), but for signalling NaN, which arithmetic never makes.
  static INLINE void store(Type* to, const F& value) {
    if constexpr (std::is_same_v<Type, float>) {
      std::memcpy(to, &value, sizeof value);
    } else {
      typename V::H half;
      if constexpr (Native) {
        asm("vcvtneps2bf16 %1, %0" : "=v"(half) : "v"(value));
      } else {
        typename V::U bits;
        std::memcpy(&bits, &value, sizeof bits);
        bits = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
        half = __builtin_convertvector(bits, typename V::H);
      }
      std::memcpy(to, &half, sizeof half);
    }
  }
};

/// The pass over all windows of all images. `Window` x `Window` pixels each; Type is float or a bf16's bits.
template <class Type_, int Lanes, int Window, bool Native>
struct Loops {
  using Type = Type_;
  using M = Memory<Type, Lanes, Native>;
  using F = typename M::F;
  using D = typename Vector<Lanes>::D;
  static constexpr int pixels = Window * Window;
  static constexpr std::size_t stretch = 256;

  static INLINE F channels(const float* from) { return Memory<float, Lanes, false>::load(from); }

  /// sum of (x - about) and of its square, over one image: f32 over a stretch, double over all.
  static INLINE void moments(const Planes& p, const Type* x, const F& about, D& sum, D& squares) {
    const std::size_t count = p.height * p.width;
    sum = squares = D{};
    for (std::size_t at = 0; at < count;) {
      const std::size_t end = at + stretch < count ? at + stretch : count;
      F first[4] = {}, second[4] = {};
      const auto add = [&](std::size_t pixel, std::size_t k) INLINED {
        const F value = M::load(x + pixel * p.pixel) - about;
        first[k] += value;
        second[k] += value * value;
      };
      for (; at + 4 <= end; at += 4) {
        add(at, 0);
        add(at + 1, 1);
        add(at + 2, 2);
        add(at + 3, 3);
      }
      for (; at < end; ++at) add(at, 0);
      sum += __builtin_convertvector((first[0] + first[1]) + (first[2] + first[3]), D);
      squares += __builtin_convertvector((second[0] + second[1]) + (second[2] + second[3]), D);
    }
  }

  static INLINE void statistics(const Planes& p, const Type* x, float* mean, float* variance) {
    const double count = static_cast<double>(p.height * p.width), images = static_cast<double>(p.count);
    D means{}, squares_of_means{}, variances{}, sum, squares;
    moments(p, x, F{}, sum, squares);
    F about = __builtin_convertvector(sum / count, F);  // an image's mean is near the one's before it
    for (std::size_t n = 0; n < p.count; ++n) {
      moments(p, x + n * p.image, about, sum, squares);
      const D off = sum / count, image_mean = __builtin_convertvector(about, D) + off;
      variances += squares / count - off * off;
      means += image_mean;
      squares_of_means += image_mean * image_mean;
      about = __builtin_convertvector(image_mean, F);
    }
    const D all_mean = means / images;
    const D all = variances / images + squares_of_means / images - all_mean * all_mean;
    Memory<float, Lanes, false>::store(mean, __builtin_convertvector(all_mean, F));
    Memory<float, Lanes, false>::store(variance, __builtin_convertvector(all < D{} ? D{} : all, F));
  }

  static INLINE std::size_t inside(const Planes& p, int q) {
    return (static_cast<std::size_t>(q / Window) * p.width + static_cast<std::size_t>(q % Window)) * p.pixel;
  }

  /// A window's pixels, what the affine map makes of them, and the largest of that.
  struct Values {
    F x[pixels], z[pixels], largest, x_of_largest;
  };
  template <bool Sum>
  static INLINE Values values(const Planes& p, const Type* x, const Type* sum, std::size_t first, const F& a,
                              const F& b) {
    Values made;
#pragma GCC unroll 4
    for (int q = 0; q < pixels; ++q) {
      const std::size_t at = first + inside(p, q);
      made.x[q] = M::load(x + at);
      made.z[q] = a * made.x[q] + b;
      if constexpr (Sum) made.z[q] += M::load(sum + at);
      if (q == 0) {
        made.largest = made.z[0];
        made.x_of_largest = made.x[0];
      } else {
        const auto larger = made.z[q] > made.largest;
        made.largest = larger ? made.z[q] : made.largest;
        made.x_of_largest = larger ? made.x[q] : made.x_of_largest;
      }
    }
    return made;
  }

  /// body(offset of the window's first pixel, offset of its output)
  template <class Body>
  static INLINE void each_window(const Planes& p, const Body& body) {
    for (std::size_t n = 0; n < p.count; ++n) {
      std::size_t out = n * p.pooled_image;
      for (std::size_t row = 0; row < p.pooled_height(); ++row) {
        std::size_t at = n * p.image + row * Window * p.width * p.pixel;
        for (std::size_t column = 0; column < p.pooled_width(); ++column) {
          body(at, out);
          at += Window * p.pixel;
          out += p.pixel;
        }
      }
    }
  }
  /// Below it the ReLU is closed. Written so that what is not a number stays one.
  static INLINE F floor(const Planes& p) {
    return F{} + (p.relu ? 0.0f : -std::numeric_limits<float>::infinity());
  }

  template <bool Sum>
  static INLINE void forward(const Planes& p, const Type* x, const Type* sum, Affine affine, Type* y) {
    const F a = channels(affine.a), b = channels(affine.b), low = floor(p);
    each_window(p, [&](std::size_t at, std::size_t out) INLINED {
      const F z = values<Sum>(p, x, sum, at, a, b).largest;
      M::store(y + out, z < low ? low : z);
    });
  }

  template <bool Sum>
  static INLINE void sums(const Planes& p, const Type* x, const Type* sum, Affine affine, const float* mean,
                          const Type* dy, float* d_shift, float* d_scale) {
    const F a = channels(affine.a), b = channels(affine.b), low = floor(p), centre = channels(mean), zero{};
    D shift{}, scale{};
    F shift_part{}, scale_part{};
    std::size_t left = stretch;  // f32 over a stretch, double over all
    each_window(p, [&](std::size_t at, std::size_t out) INLINED {
      const Values of = values<Sum>(p, x, sum, at, a, b);
      const F dz = of.largest <= low ? zero : M::load(dy + out);
      shift_part += dz;
      scale_part += dz * (of.x_of_largest - centre);
      if (--left > 0) return;
      left = stretch;
      shift += __builtin_convertvector(shift_part, D);
      scale += __builtin_convertvector(scale_part, D);
      shift_part = scale_part = zero;
    });
    shift += __builtin_convertvector(shift_part, D);
    scale += __builtin_convertvector(scale_part, D);
    Memory<float, Lanes, false>::store(d_shift, __builtin_convertvector(shift, F));
    Memory<float, Lanes, false>::store(d_scale, __builtin_convertvector(scale, F));
  }

  template <bool Sum>
  static INLINE void gradient(const Planes& p, const Type* x, const Type* sum, Affine affine,
                              const Gradient& g, const Type* dy, Type* dx, Type* d_sum) {
    const F a = channels(affine.a), b = channels(affine.b), low = floor(p), zero{};
    const F by_dz = channels(g.by_dz), by_x = channels(g.by_x), constant = channels(g.constant);
    each_window(p, [&](std::size_t at, std::size_t out) INLINED {
      const Values of = values<Sum>(p, x, sum, at, a, b);
      F rest = of.largest <= low ? zero : M::load(dy + out);  // for the first of equals
#pragma GCC unroll 4
      for (int q = 0; q < pixels; ++q) {
        const std::size_t to = at + inside(p, q);
        F own = rest;
        if constexpr (pixels > 1) own = of.z[q] == of.largest ? rest : zero;
        rest -= own;
        if (dx) M::store(dx + to, by_dz * own + (by_x * of.x[q] + constant));
        if constexpr (Sum)
          if (d_sum) M::store(d_sum + to, own);
      }
    });
    if (Window == 1) return;
    const std::size_t rows = p.height / Window * Window, columns = p.width / Window * Window;
    for (std::size_t n = 0; n < p.count; ++n)
      for (std::size_t row = 0; row < p.height; ++row)
        for (std::size_t column = row < rows ? columns : 0; column < p.width; ++column) {
          const std::size_t at = n * p.image + (row * p.width + column) * p.pixel;
          if (dx) M::store(dx + at, by_x * M::load(x + at) + constant);
          if (d_sum) M::store(d_sum + at, zero);
        }
  }
};

/// What the four functions of the header are asked, in one.
struct Call {
  enum class What { statistics, forward, sums, gradient } what;
  Planes planes;
  const void *x = nullptr, *sum = nullptr, *dy = nullptr;
  Affine affine = {};
  Gradient gradient = {};
  const float* mean = nullptr;
  void *y = nullptr, *dx = nullptr, *d_sum = nullptr;
  float *first = nullptr, *second = nullptr;  // mean and variance, or d_shift and d_scale
};

template <class L, bool Sum>
INLINE void run(const Call& call, const Planes& p) {
  using Type = typename L::Type;
  const auto *x = static_cast<const Type*>(call.x), *sum = static_cast<const Type*>(call.sum),
             *dy = static_cast<const Type*>(call.dy);
  switch (call.what) {
    case Call::What::statistics:
      return L::statistics(p, x, call.first, call.second);
    case Call::What::forward:
      return L::template forward<Sum>(p, x, sum, call.affine, static_cast<Type*>(call.y));
    case Call::What::sums:
      return L::template sums<Sum>(p, x, sum, call.affine, call.mean, dy, call.first, call.second);
    case Call::What::gradient:
      return L::template gradient<Sum>(p, x, sum, call.affine, call.gradient, dy, static_cast<Type*>(call.dx),
                                       static_cast<Type*>(call.d_sum));
  }
}

template <class Type, int Lanes, bool Native>
INLINE void run(const Call& call) {
  const Planes p = call.planes;  // a copy that no store can change
  if (p.window == 2 && call.sum)
    run<Loops<Type, Lanes, 2, Native>, true>(call, p);
  else if (p.window == 2)
    run<Loops<Type, Lanes, 2, Native>, false>(call, p);
  else if (call.sum)
    run<Loops<Type, Lanes, 1, Native>, true>(call, p);
  else
    run<Loops<Type, Lanes, 1, Native>, false>(call, p);
}

template <class Type>
INLINE void run_any(const Call& call) {
  if (call.planes.lanes == 16)
    run<Type, 16, false>(call);
  else if (call.planes.lanes == 8)
    run<Type, 8, false>(call);
  else
    run<Type, 1, false>(call);
}

TWINFLOW_WIDE void run_f32(const Call& call) { run_any<float>(call); }
TWINFLOW_WIDE void run_bf16(const Call& call) { run_any<std::uint16_t>(call); }
__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) void run_native(const Call& call) {
  run<std::uint16_t, 16, true>(call);
}

void run(const Call& call) {
  static const bool native = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512bw");
  if (!call.planes.bf16)
    run_f32(call);
  else if (native && call.planes.lanes == 16)
    run_native(call);
  else
    run_bf16(call);
}

}  // namespace

void channel_statistics(const Planes& planes, const void* x, float* mean, float* variance) {
  run({.what = Call::What::statistics, .planes = planes, .x = x, .first = mean, .second = variance});
}

void normalize(const Planes& planes, const void* x, const void* sum, Affine affine, void* y) {
  run({.what = Call::What::forward, .planes = planes, .x = x, .sum = sum, .affine = affine, .y = y});
}

void normalize_sums(const Planes& planes, const void* x, const void* sum, Affine affine, const float* mean,
                    const void* dy, float* d_shift, float* d_scale) {
  Call call{.what = Call::What::sums, .planes = planes, .x = x, .sum = sum, .dy = dy, .affine = affine};
  call.mean = mean;
  call.first = d_shift;
  call.second = d_scale;
  run(call);
}

void normalize_gradient(const Planes& planes, const void* x, const void* sum, Affine affine,
                        const Gradient& gradient, const void* dy, void* dx, void* d_sum) {
  Call call{.what = Call::What::gradient, .planes = planes, .x = x, .sum = sum, .dy = dy, .affine = affine};
  call.gradient = gradient;
  call.dx = dx;
  call.d_sum = d_sum;
  run(call);
}

}  // namespace twinflow::twin
