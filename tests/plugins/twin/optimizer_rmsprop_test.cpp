#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("rmsprop agrees with PyTorch and with Keras' formulas over several updates") {
  check_optimizer("rmsprop");
}

TEST_CASE("rmsprop by hand") {
  // v = g^2 / 4; epsilon inside the root: 3 / sqrt(9/4 + 7/4) = 3/2; outside: 3 / (3/2 + 1/2) = 3/2.
  for (const char* epsilon : {"epsilon = 1.75", "epsilon = 0.5\nepsilon_inside = false"}) {
    const auto rmsprop = component<Optimizer>("type = \"rmsprop\"\nrho = 0.75\n" + std::string(epsilon));
    REQUIRE(rmsprop->slots() == 1);
    CHECK(!rmsprop->has_momentum());
    std::vector<float> weights = {1}, v(1);
    float* slots[] = {v.data()};
    rmsprop->update(weights, std::vector<float>{3}, slots, {.t = 0, .rate = 0.5});
    CHECK(weights[0] == 0.25f);
    CHECK(v[0] == 2.25f);
  }
  // Centred: c = 1/2 g, v - c^2 = g^2 / 4. The momentum of the layer stands in for rmsprop's own.
  const auto all =
      component<Optimizer>("type = \"rmsprop\"\nrho = 0.5\ncentered = true\nmomentum = 0.9\nepsilon = 1.75");
  REQUIRE(all->slots() == 3);
  CHECK(all->has_momentum());
  std::vector<float> weights = {1}, v(1), c(1), b = {2};
  float* slots[] = {v.data(), c.data(), b.data()};
  all->update(weights, std::vector<float>{3}, slots, {.t = 0, .rate = 0.5, .epoch = 0, .momentum = 0.25});
  CHECK(v[0] == 4.5f);
  CHECK(c[0] == 1.5f);
  CHECK(b[0] == 0.5f + 0.75f);
  CHECK(weights[0] == -0.25f);
}

TEST_CASE("centred rmsprop stands gradients that never change: rounding makes no root of a negative number") {
  const auto rmsprop =
      component<Optimizer>("type = \"rmsprop\"\nrho = 0.9\ncentered = true\nepsilon = 1e-12");
  std::vector<float> weights(37), v(37), c(37), g(37);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = 1000.0f + 7.3f * static_cast<float>(i);
  float* slots[] = {v.data(), c.data()};
  for (std::uint64_t t = 0; t < 400; ++t) rmsprop->update(weights, g, slots, {.t = t, .rate = 1e-9});
  for (const float w : weights) CHECK(std::isfinite(w));
}
