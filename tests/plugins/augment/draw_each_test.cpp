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

TEST_CASE("draw_each: the images of a share get what they would get in the whole batch") {
  PairBatch pairs{Images(6, 1, 2, 2), {0, 1, 0}};
  for (const bool same : {false, true}) {
    const std::vector<int> whole = counted(pairs, same);
    std::vector<int> shares;
    for (int rank = 0; rank < 4; ++rank) {  // of 1, 2, 1 and 2 images
      PairBatch share = pairs;
      take_share(share, rank, 4);
      for (const int drawn : counted(share, same)) shares.push_back(drawn);
    }
    CHECK(shares == whole);
  }
}
