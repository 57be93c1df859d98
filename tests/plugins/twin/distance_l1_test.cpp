#include "check_distance.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("l1 agrees with PyTorch and with finite differences") { check_distance("l1"); }

TEST_CASE("l1 by hand") {
  const auto l1 = component<Distance>("type = \"l1\"");
  CHECK(l1->weight_count(64) == 0);
  CHECK(!l1->gives_logits());
  const Embeddings e = rows({{1, 2, -1}, {1, -3, 0.5f}});
  CHECK(distances(*l1, e, {{0, 1}, {0, 0}}) == std::vector<float>{6.5f, 0.0f});
  // Equal numbers pull neither way.
  CHECK(gradients(*l1, e, {{0, 1}}, {2.0f}).e.values == std::vector<float>{0, 2, -2, 0, -2, 2});
  CHECK(gradients(*l1, e, {{0, 0}}, {2.0f}).e.values == std::vector<float>(6, 0.0f));
}
