#include "plugins/augment/draw_each.h"

#include <doctest/doctest.h>

using namespace twinflow;
using namespace twinflow::augment;

namespace {

std::vector<int> counted(const AnyBatch& batch, bool same_for_both) {
  int next = 0;
  return draw_each(batch, same_for_both, [&] { return next++; });
}

}  // namespace

TEST_CASE("draw_each: one draw for every image, in order") {
  CHECK(counted(ImageBatch{Images(3, 1, 2, 2), {0, 0, 1}}, false) == std::vector<int>{0, 1, 2});
  CHECK(counted(PairBatch{Images(4, 1, 2, 2), {0, 1}}, false) == std::vector<int>{0, 1, 2, 3});
  CHECK(counted(ImageBatch{}, false).empty());
}

TEST_CASE("draw_each: same_for_both gives the right images what the left ones got") {
  CHECK(counted(PairBatch{Images(6, 1, 2, 2), {0, 1, 0}}, true) == std::vector<int>{0, 1, 2, 0, 1, 2});
  CHECK(counted(ImageBatch{Images(3, 1, 2, 2), {0, 0, 1}}, true) == std::vector<int>{0, 1, 2});  // no pairs
}
