#include "plugins/data/ink.h"

#include <doctest/doctest.h>

#include <numeric>
#include <vector>

using namespace twinflow::data;

TEST_CASE("ink fades over one pixel about the pen's edge") {
  std::vector<std::uint8_t> paper(9 * 9, 7);
  ink({{{-5, 4.5}, {20, 4.5}}}, 1.25, 9, paper.data());  // along the middles of row 4, beyond both edges
  for (int x = 0; x < 9; ++x) {
    CHECK(paper[4 * 9 + x] == 0);   // distance 0
    CHECK(paper[3 * 9 + x] == 64);  // distance 1, covered 0.75: 63.75
    CHECK(paper[5 * 9 + x] == 64);
    CHECK(paper[2 * 9 + x] == 255);  // distance 2
    CHECK(paper[6 * 9 + x] == 255);
  }
}

TEST_CASE("a dot is round; where lines cross the darker counts") {
  std::vector<std::uint8_t> paper(5 * 5);
  ink({{{2.5, 2.5}}}, 0.5, 5, paper.data());
  CHECK(paper[2 * 5 + 2] == 0);
  CHECK(paper[2 * 5 + 3] == 255);  // distance 1 = reach
  ink({{{2.5, 2.5}}, {{3.5, 2.5}}}, 1.0, 5, paper.data());
  CHECK(paper[2 * 5 + 2] == 0);
  CHECK(paper[2 * 5 + 3] == 0);
  CHECK(paper[2 * 5 + 1] == 128);  // distance 1 of the first, covered 0.5
  CHECK(paper[1 * 5 + 2] == 128);
}

TEST_CASE("no line, no ink; and lines off the paper leave none") {
  std::vector<std::uint8_t> paper(16, 0);
  ink({}, 2, 4, paper.data());
  CHECK(std::accumulate(paper.begin(), paper.end(), 0) == 16 * 255);
  ink({{{-50, -50}, {-20, 60}}, {{100, 3}}, {}}, 2, 4, paper.data());
  CHECK(std::accumulate(paper.begin(), paper.end(), 0) == 16 * 255);
}
