#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("adamax agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adamax");
}

TEST_CASE("adamax by hand") {
  // m = g / 2, u = |g|, 1 - beta_1 = 1/2: the first step is rate g / (|g| + epsilon).
  const auto adamax = component<Optimizer>("type = \"adamax\"\nbeta_1 = 0.5\nbeta_2 = 0.25\nepsilon = 1.0");
  REQUIRE(adamax->slots() == 2);
  std::vector<float> weights = {1, 1}, m(2), u(2);
  float* slots[] = {m.data(), u.data()};
  adamax->update(weights, std::vector<float>{3, -1}, slots, {.t = 0, .rate = 0.5});
  check_close(weights, {1 - 0.375f, 1.25f}, 1e-6);
  CHECK(u == std::vector<float>{3, 1});
  // Then m = 1.5 / 2 + 0.5 / 2 = 1 and u = max(3/4, 1/2); a gradient of 0 leaves m / 2 and u / 4. The
  // correction is 1 - 1/4.
  adamax->update(weights, std::vector<float>{0.5f, 0}, slots, {.t = 1, .rate = 0.75});
  CHECK(u == std::vector<float>{0.75f, 0.25f});
  check_close(weights, {0.625f - 1.0f / 1.75f, 1.25f + 0.25f / 1.25f}, 1e-6);
}
