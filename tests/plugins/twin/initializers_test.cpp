#include "components.h"
#include "plugins/twin/network.h"
#include "twinflow/twin/initializer.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

constexpr int count = 100000;
constexpr Fan fan{50, 150};

struct Drawn {
  double mean = 0.0, deviation = 0.0, largest = 0.0, flat = 0.0;
};

/// Of `count` draws around `centre`. flat: the part within half a deviation, 0.383 of a normal distribution,
/// 1 / (2 sqrt 3) = 0.289 of a uniform one.
Drawn draw(const std::string& toml, double centre = 0.0) {
  const auto initializer = component<Initializer>(toml);
  Random random(3, 0, 0);
  std::vector<double> all(count);
  Drawn made;
  for (double& one : all) {
    one = initializer->draw(random, fan);
    made.mean += one / count;
    made.largest = std::max(made.largest, std::abs(one - centre));
  }
  for (const double one : all) made.deviation += (one - made.mean) * (one - made.mean) / count;
  made.deviation = std::sqrt(made.deviation);
  for (const double one : all)
    made.flat += std::abs(one - made.mean) < made.deviation / 2 ? 1.0 / count : 0.0;
  return made;
}

/// Five standard errors of a mean; those of a deviation are smaller, of a part within half of one 0.0016.
void check(const Drawn& found, double mean, double deviation, double part) {
  CHECK(std::abs(found.mean - mean) < 5 * deviation / std::sqrt(count));
  CHECK(std::abs(found.deviation - deviation) < 5 * deviation / std::sqrt(count));
  CHECK(std::abs(found.flat - part) < 0.008);
}

constexpr double normal = 0.383, even = 0.289;
// Cut at two deviations the normal distribution has 0.87962566 of its deviation, and 0.340 / 0.9545 of it
// within half of that: 2 Phi(0.43981) - 1 = 0.3399.
constexpr double cut = 0.87962566, cut_part = 0.3399 / 0.9545;

}  // namespace

TEST_CASE("initialisers have the mean, deviation and shape that they should") {
  check(draw("type = 'normal'\nmean = 0.5\nstd = 0.1"), 0.5, 0.1, normal);
  check(draw("type = 'uniform'\nlow = -1.0\nhigh = 3.0"), 1.0, 4 / std::sqrt(12.0), even);
  CHECK(draw("type = 'uniform'\nlow = -1.0\nhigh = 3.0", 1.0).largest <= 2.0);
  // Keras' TruncatedNormal: std is that before the cut.
  const Drawn truncated = draw("type = 'truncated_normal'\nmean = 0.5\nstd = 0.1", 0.5);
  check(truncated, 0.5, 0.1 * cut, cut_part);
  CHECK(truncated.largest <= 0.2);
  CHECK(truncated.largest > 0.199);
  CHECK(draw("type = 'constant'\nvalue = -2.5", -2.5).largest == 0.0);
  CHECK(draw("type = 'normal'\nmean = -2.5\nstd = 0.0", -2.5).largest == 0.0);
}

TEST_CASE("he, glorot and lecun: the variance of their papers, whatever the distribution") {
  const std::vector<std::tuple<std::string, double, std::string>> all = {
      {"he", 2.0 / 50, "normal"}, {"glorot", 2.0 / 200, "uniform"}, {"lecun", 1.0 / 50, "normal"}};
  for (const auto& [type, variance, by_default] : all) {
    CAPTURE(type);
    const double deviation = std::sqrt(variance);
    const auto of = [&](const std::string& distribution) {
      return draw("type = '" + type + "'\ndistribution = '" + distribution + "'");
    };
    check(of("normal"), 0.0, deviation, normal);
    check(of("uniform"), 0.0, deviation, even);
    CHECK(of("uniform").largest <= std::sqrt(3 * variance));
    CHECK(of("uniform").largest > 0.999 * std::sqrt(3 * variance));
    check(of("truncated_normal"), 0.0, deviation, cut_part);
    CHECK(of("truncated_normal").largest <= 2 * deviation / cut);
    const Drawn plain = draw("type = '" + type + "'");
    CHECK(plain.deviation == of(by_default).deviation);
  }
}

TEST_CASE("draws of one stream do not depend on each other") {
  for (const std::string type : {"normal", "truncated_normal", "uniform", "he", "glorot", "lecun"}) {
    CAPTURE(type);
    const auto initializer = component<Initializer>("type = '" + type + "'");
    Random random(4, 0, 0);
    double products = 0.0, squares = 0.0, last = initializer->draw(random, fan);
    for (int i = 0; i < count; ++i) {
      const double now = initializer->draw(random, fan);
      products += now * last;
      squares += now * now;
      last = now;
    }
    CHECK(std::abs(products / squares) < 5 / std::sqrt(count));
  }
}

TEST_CASE("what makes no distribution is refused") {
  CHECK(problem_of<Initializer>("type = 'normal'\nstd = -1.0") == "'std' is -1, out of range: at least 0");
  CHECK(problem_of<Initializer>("type = 'uniform'\nlow = 1.0\nhigh = 0.5") ==
        "the low end 1.0 is above the high end 0.5");
  CHECK(problem_of<Initializer>("type = 'he'\ndistribution = 'even'") ==
        "expected \"normal\" or \"truncated_normal\" or \"uniform\", found \"even\"");
}
