#include "check_optimizer.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("adagrad agrees with PyTorch and with Keras' formula over several updates") {
  check_optimizer("adagrad");
}

TEST_CASE("adagrad by hand") {
  const auto adagrad = component<Optimizer>("type = \"adagrad\"\ninitial = 6.0\nepsilon = 1.0");
  REQUIRE(adagrad->slots() == 1);
  std::vector<float> weights = {1}, sum(1);
  float* slots[] = {sum.data()};
  adagrad->update(weights, std::vector<float>{3}, slots, {.t = 0, .rate = 0.5});  // 3 / sqrt(6 + 9 + 1)
  CHECK(weights[0] == 1 - 0.375f);
  adagrad->update(weights, std::vector<float>{-3}, slots, {.t = 1, .rate = 0.5});  // -3 / sqrt(6 + 18 + 1)
  CHECK(weights[0] == doctest::Approx(0.625 + 0.3));
  CHECK(sum[0] == 18.0f);
}
