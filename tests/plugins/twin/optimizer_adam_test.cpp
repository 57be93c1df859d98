#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("adam agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adam");
}
TEST_CASE("adamw agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adamw");
}

TEST_CASE("amsgrad agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("amsgrad");
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

TEST_CASE("amsgrad never forgets a large gradient") {
  // beta_1 = 0 and beta_2 = 0.5: v = 8, then 4 + 1/2 * 0 = 4, whose root adam would divide the next m by.
  const auto amsgrad = component<Optimizer>("type = \"amsgrad\"\nbeta_1 = 0.0\nbeta_2 = 0.5");
  REQUIRE(amsgrad->slots() == 3);
  std::vector<float> weights = {0}, m(1), v(1), largest(1);
  float* slots[] = {m.data(), v.data(), largest.data()};
  amsgrad->update(weights, std::vector<float>{4}, slots, {.t = 0, .rate = 0.0});
  amsgrad->update(weights, std::vector<float>{0}, slots, {.t = 1, .rate = 0.0});
  CHECK(v[0] == 4.0f);
  CHECK(largest[0] == 8.0f);
  // v = 2 + 1/2 * 2^2 = 4, and the correction sqrt(1 - 1/8).
  amsgrad->update(weights, std::vector<float>{2}, slots, {.t = 2, .rate = 1.0});
  CHECK(weights[0] == doctest::Approx(-std::sqrt(7.0 / 8.0) * 2 / std::sqrt(8.0)));
}

TEST_CASE("what it cannot be is refused") {
  CHECK(problem_of<Optimizer>("type = \"adamw\"\nbeta_1 = 1.0").find("beta_1") != std::string::npos);
}
