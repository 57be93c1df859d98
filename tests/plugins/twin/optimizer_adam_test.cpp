#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("adam agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adam");
}
TEST_CASE("adamw agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adamw");
}

TEST_CASE("adam by hand") {
  // First update: m = (1 - beta_1) g, v = (1 - beta_2) g^2, and alpha m / (sqrt(v) + eps') = rate g / (|g| +
  // eps') with eps' = epsilon / sqrt(1 - beta_2): where epsilon stands shows. beta_2 = 0.75 makes it 2
  // epsilon.
  const auto adam = component<Optimizer>("type = \"adam\"\nbeta_2 = 0.75\nepsilon = 0.5");
  CHECK(adam->slots() == 2);
  CHECK(adam->learning_rate == 1e-3);
  std::vector<float> weights = {1, 1}, m(2), v(2);
  float* slots[] = {m.data(), v.data()};
  adam->update(weights, std::vector<float>{3, -1}, slots, {.t = 0, .rate = 0.25});
  check_close(weights, {1.0f - 0.25f * 3 / 4, 1.0f + 0.25f / 2}, 1e-6);
  check_close(m, {0.3f, -0.1f}, 1e-6);
  check_close(v, {2.25f, 0.25f}, 1e-6);
}

TEST_CASE("adamw shrinks weights apart from the gradient, by 0.01 of the rate unless told") {
  const auto adamw = component<Optimizer>("type = \"adamw\"");
  std::vector<float> weights = {8}, m(1), v(1);
  float* slots[] = {m.data(), v.data()};
  adamw->update(weights, std::vector<float>{0}, slots, {.t = 0, .rate = 0.5});
  CHECK(weights[0] == doctest::Approx(8 * (1 - 0.5 * 0.01)));
  CHECK(m[0] == 0.0f);
}

TEST_CASE("what it cannot be is refused") {
  CHECK(problem_of<Optimizer>("type = \"adamw\"\nbeta_1 = 1.0").find("beta_1") != std::string::npos);
}
