#include "plugins/twin/normalize_loops.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "plugins/twin/loops.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// Numbers in memory as f32 or bf16, and their exact values.
struct Array {
  bool bf16;
  std::vector<float> exact;
  std::vector<std::uint16_t> halves;

  Array(bool bf16_, std::size_t size, Random& random) : bf16(bf16_), exact(size), halves(size) {
    for (float& value : exact) value = static_cast<float>(random.normal());
    for (std::size_t i = 0; i < size && bf16; ++i) {
      halves[i] = to_bf16(exact[i]);
      exact[i] = from(halves[i]);
    }
  }
  static float from(std::uint16_t half) {
    const std::uint32_t bits = static_cast<std::uint32_t>(half) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  void* data() { return bf16 ? static_cast<void*>(halves.data()) : exact.data(); }
  float at(std::size_t i) const { return bf16 ? from(halves[i]) : exact[i]; }
};

struct Case {
  Planes planes;
  bool sum;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (bool bf16 : {false, true})
    for (std::size_t lanes : {16u, 8u, 1u})
      for (std::size_t window : {1u, 2u})
        for (bool relu : {false, true})
          for (bool sum : {false, true}) {
            Planes p{bf16, lanes, 3, 7, 5, 0, lanes, window, 0, relu};  // odd sides: a pool leaves some out
            p.image = p.height * p.width * lanes;
            p.pooled_image = p.pooled_height() * p.pooled_width() * lanes;
            all.push_back({p, sum});
          }
  return all;
}

/// The formulas, one channel at a time, in double.
struct Expected {
  std::vector<double> y, dz;
  double mean = 0.0, variance = 0.0, d_shift = 0.0, d_scale = 0.0;
};

Expected expected(const Case& of, std::size_t lane, const Array& x, const Array& sum, const Array& dy,
                  float a, float b, float mean) {
  const Planes& p = of.planes;
  Expected made;
  const std::size_t pixels = p.height * p.width;
  const double size = static_cast<double>(p.count * pixels);
  const auto place = [&](std::size_t n, std::size_t row, std::size_t column) {
    return n * p.image + (row * p.width + column) * p.pixel + lane;
  };
  for (std::size_t n = 0; n < p.count; ++n)
    for (std::size_t i = 0; i < pixels; ++i) made.mean += x.at(place(n, 0, i)) / size;
  for (std::size_t n = 0; n < p.count; ++n)
    for (std::size_t i = 0; i < pixels; ++i)
      made.variance += std::pow(x.at(place(n, 0, i)) - made.mean, 2) / size;
  made.dz.assign(p.count * pixels, 0.0);
  for (std::size_t n = 0; n < p.count; ++n)
    for (std::size_t row = 0; row < p.pooled_height(); ++row)
      for (std::size_t column = 0; column < p.pooled_width(); ++column) {
        double best = -1e30;
        std::size_t best_row = 0, best_column = 0;
        for (std::size_t i = 0; i < p.window * p.window; ++i) {
          const std::size_t r = row * p.window + i / p.window, c = column * p.window + i % p.window;
          const double z = static_cast<double>(a) * x.at(place(n, r, c)) + b +
                           (of.sum ? static_cast<double>(sum.at(place(n, r, c))) : 0.0);
          if (z > best) best = z, best_row = r, best_column = c;
        }
        made.y.push_back(p.relu ? std::max(best, 0.0) : best);
        if (p.relu && best <= 0.0) continue;
        const double given = dy.at(n * p.pooled_image + (row * p.pooled_width() + column) * p.pixel + lane);
        made.dz[n * pixels + best_row * p.width + best_column] = given;
        made.d_shift += given;
        made.d_scale += given * (x.at(place(n, best_row, best_column)) - mean);
      }
  return made;
}

}  // namespace

TEST_CASE("batch normalisation with sum, ReLU and pooling in one pass is the formula, forward and backward") {
  Random random(7, 0, 0);
  for (const Case& of : cases()) {
    const Planes& p = of.planes;
    CAPTURE(p.bf16);
    CAPTURE(p.lanes);
    CAPTURE(p.window);
    CAPTURE(p.relu);
    CAPTURE(of.sum);
    Array x(p.bf16, p.count * p.image, random), sum(p.bf16, p.count * p.image, random),
        dy(p.bf16, p.count * p.pooled_image, random), y(p.bf16, p.count * p.pooled_image, random),
        dx(p.bf16, p.count * p.image, random), d_sum(p.bf16, p.count * p.image, random);
    std::vector<float> a(16), b(16), by_dz(16), by_x(16), constant(16), mean(16), variance(16), d_shift(16),
        d_scale(16);
    for (auto* numbers : {&a, &b, &by_dz, &by_x, &constant})
      for (float& value : *numbers) value = static_cast<float>(random.normal());
    void* more = of.sum ? sum.data() : nullptr;
    channel_statistics(p, x.data(), mean.data(), variance.data());
    normalize(p, x.data(), more, {a.data(), b.data()}, y.data());
    normalize_sums(p, x.data(), more, {a.data(), b.data()}, mean.data(), dy.data(), d_shift.data(),
                   d_scale.data());
    normalize_gradient(p, x.data(), more, {a.data(), b.data()}, {by_dz.data(), by_x.data(), constant.data()},
                       dy.data(), dx.data(), of.sum ? d_sum.data() : nullptr);
    const double digits = p.bf16 ? 4e-3 : 1e-6;  // half a unit of bf16's last place is 2e-3
    for (std::size_t lane = 0; lane < p.lanes; ++lane) {
      const Expected right = expected(of, lane, x, sum, dy, a[lane], b[lane], mean[lane]);
      CHECK(mean[lane] == doctest::Approx(right.mean).epsilon(1e-6).scale(1.0));
      CHECK(variance[lane] == doctest::Approx(right.variance).epsilon(1e-6));
      CHECK(d_shift[lane] == doctest::Approx(right.d_shift).epsilon(1e-5).scale(1.0));
      CHECK(d_scale[lane] == doctest::Approx(right.d_scale).epsilon(1e-5).scale(1.0));
      const std::size_t pooled = p.pooled_height() * p.pooled_width(), pixels = p.height * p.width;
      for (std::size_t i = 0; i < right.y.size(); ++i) {
        const std::size_t at = i / pooled * p.pooled_image + i % pooled * p.pixel + lane;
        CHECK(y.at(at) == doctest::Approx(right.y[i]).epsilon(digits).scale(1.0));
      }
      for (std::size_t i = 0; i < right.dz.size(); ++i) {
        const std::size_t at = i / pixels * p.image + i % pixels * p.pixel + lane;
        const double gradient = by_dz[lane] * right.dz[i] + by_x[lane] * x.at(at) + constant[lane];
        CHECK(dx.at(at) == doctest::Approx(gradient).epsilon(digits).scale(1.0));
        if (of.sum) CHECK(d_sum.at(at) == doctest::Approx(right.dz[i]).epsilon(digits).scale(0.1));
      }
    }
  }
}

TEST_CASE("the variance keeps its digits where the mean is large") {
  // 10,000 +- 1 in f32, whose last place is 1e-3 there: a sum of squares would lose everything.
  Planes p{false, 16, 4, 30, 30, 30 * 30 * 16, 16, 1, 30 * 30 * 16, false};
  std::vector<float> x(4 * p.image), mean(16), variance(16);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 10000.0f + (i / 16 % 2 == 0 ? 1.0f : -1.0f);
  channel_statistics(p, x.data(), mean.data(), variance.data());
  for (std::size_t lane = 0; lane < 16; ++lane) {
    CHECK(mean[lane] == 10000.0f);
    CHECK(variance[lane] == doctest::Approx(1.0).epsilon(1e-6));
  }
}

TEST_CASE("what is not a number stays visible behind a ReLU") {
  for (bool bf16 : {false, true}) {
    Planes p{bf16, 16, 1, 1, 1, 16, 16, 1, 16, true};
    Random random(1, 0, 0);
    Array x(bf16, 16, random), y(bf16, 16, random);
    const std::vector<float> a(16, std::nanf("")), b(16, 0.0f);
    normalize(p, x.data(), nullptr, {a.data(), b.data()}, y.data());
    for (std::size_t lane = 0; lane < 16; ++lane) CHECK(std::isnan(y.at(lane)));
  }
}
