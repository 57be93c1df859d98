#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("adadelta agrees with PyTorch over several updates") { check_optimizer("adadelta"); }

TEST_CASE("adadelta by hand") {
  // v = 32 / 2 = 16, u = sqrt(9) / sqrt(16 + 9) * g = 3/5 g, x = u^2 / 2.
  const auto adadelta = component<Optimizer>("type = \"adadelta\"\nrho = 0.5\nepsilon = 9.0");
  REQUIRE(adadelta->slots() == 2);
  CHECK(adadelta->learning_rate == 1.0);
  const float g = std::sqrt(32.0f);
  std::vector<float> weights = {1}, v(1), x(1);
  float* slots[] = {v.data(), x.data()};
  adadelta->update(weights, std::vector<float>{g}, slots, {.t = 0, .rate = 0.5});
  CHECK(v[0] == doctest::Approx(16.0));
  CHECK(x[0] == doctest::Approx(0.18 * 32));
  CHECK(weights[0] == doctest::Approx(1 - 0.3 * std::sqrt(32.0)));
}
