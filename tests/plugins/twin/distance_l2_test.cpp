#include "check_distance.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("l2 agrees with PyTorch and with finite differences") { check_distance("l2"); }
TEST_CASE("squared_l2 agrees with PyTorch and with finite differences") { check_distance("squared_l2"); }

TEST_CASE("l2 and squared_l2 by hand") {
  const auto l2 = component<Distance>("type = \"l2\""),
             squared = component<Distance>("type = \"squared_l2\"");
  CHECK(l2->weight_count(64) == 0);
  CHECK(!l2->gives_logits());
  const Embeddings e = rows({{1, 2}, {4, -2}});  // difference (-3, 4)
  CHECK(distances(*l2, e, {{0, 1}}) == std::vector<float>{5});
  CHECK(distances(*squared, e, {{0, 1}}) == std::vector<float>{25});
  check_close(gradients(*l2, e, {{0, 1}}, {1.0f}).e.values, {-0.6f, 0.8f, 0.6f, -0.8f}, 1e-7);
  CHECK(gradients(*squared, e, {{0, 1}}, {0.5f}).e.values == std::vector<float>{-3, 4, 3, -4});
}

TEST_CASE("l2 has no gradient, rather than an infinite one, between equal embeddings") {
  const auto l2 = component<Distance>("type = \"l2\"");
  const Embeddings e = rows({{1, 2}, {1, 2}, {1e-22f, 0}, {0, 0}});
  CHECK(distances(*l2, e, {{0, 1}}) == std::vector<float>{0});
  CHECK(gradients(*l2, e, {{0, 1}}, {1.0f}).e.values == std::vector<float>(8, 0.0f));
  // So close that the square is a denormal of few digits: still about 1, as for any two that differ in one
  // number.
  for (const float g : gradients(*l2, e, {{2, 3}}, {1.0f}).e.values) CHECK(std::abs(g) <= 1.1f);
}
