#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("nadam agrees with Keras' formula over several updates") { check_optimizer("nadam"); }

TEST_CASE("nadam by hand") {
  // beta_2 = 0: v = g^2, without correction. mu_k = (1 - 0.96^(0.004 k) / 2) / 2, so mu_1 = 0.2500408...
  const auto nadam = component<Optimizer>("type = \"nadam\"\nbeta_1 = 0.5\nbeta_2 = 0.0\nepsilon = 1.0");
  REQUIRE(nadam->slots() == 2);
  const double mu_1 = 0.5 * (1 - 0.5 * std::pow(0.96, 0.004)), mu_2 = 0.5 * (1 - 0.5 * std::pow(0.96, 0.008));
  std::vector<float> weights = {1}, m(1), v(1);
  float* slots[] = {m.data(), v.data()};
  nadam->update(weights, std::vector<float>{-3}, slots, {.t = 0, .rate = 0.5});
  CHECK(m[0] == -1.5f);
  CHECK(v[0] == 9.0f);
  CHECK(weights[0] ==
        doctest::Approx(1 + 0.5 * (mu_2 * 1.5 / (1 - mu_1 * mu_2) + (1 - mu_1) * 3 / (1 - mu_1)) / 4));
}

TEST_CASE(
    "nadam's product of momenta may stop after 60 factors: even of the slowest, nothing is left of it") {
  // The largest beta_1 there may be; the product of all factors, multiplied out.
  double product = 1.0;
  for (int k = 1; k <= 60; ++k) product *= 0.9999999 * (1 - 0.5 * std::pow(0.96, 0.004 * k));
  CHECK(1.0 - product == 1.0);
}
