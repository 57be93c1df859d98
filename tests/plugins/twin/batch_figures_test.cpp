#include "plugins/twin/batch_figures.h"

#include <doctest/doctest.h>

#include <vector>

using namespace twinflow::twin;

namespace {

BatchFigures of_pairs(const std::vector<std::uint8_t>& same, const std::vector<float>& distances,
                      std::optional<double> threshold) {
  Labels labels;
  labels.same = same;
  std::vector<IndexPair> pairs(same.size());
  return figures_of(labels, pairs, distances, threshold);
}

}  // namespace

TEST_CASE("means of distances, and accuracy from a threshold") {
  const BatchFigures figures = of_pairs({1, 0, 1, 0}, {0.25f, 1.0f, 0.75f, 2.0f}, 0.5);
  CHECK(figures.same == 0.5);
  CHECK(figures.different == 1.5);
  CHECK(figures.accuracy == 0.75);                             // one of two same pairs, both different ones
  CHECK(of_pairs({1, 0}, {0.5f, 0.5f}, 0.5).accuracy == 0.5);  // at the threshold: different
}

TEST_CASE("accuracy does not depend on how many pairs there are of each kind") {
  // 1 of 1 same, 2 of 4 different: the mean of 1 and 1/2, not 3/5.
  CHECK(of_pairs({1, 0, 0, 0, 0}, {0.1f, 0.2f, 0.3f, 0.7f, 0.8f}, 0.5).accuracy == 0.75);
}

TEST_CASE("without a threshold the best of the batch counts") {
  CHECK(of_pairs({1, 1, 0, 0}, {1.0f, 3.0f, 5.0f, 7.0f}, {}).accuracy == 1.0);
  // Same at 1 and 6, different at 5 and 7: best between 1 and 5 (1/2, 1) or between 6 and 7 (1, 1/2).
  CHECK(of_pairs({1, 1, 0, 0}, {1.0f, 6.0f, 5.0f, 7.0f}, {}).accuracy == 0.75);
  CHECK(of_pairs({1, 0}, {2.0f, 2.0f}, {}).accuracy == 0.5);  // nothing tells them apart
  CHECK(of_pairs({1, 0}, {3.0f, 2.0f}, {}).accuracy == 0.5);  // all different is as good as it gets
}

TEST_CASE("one kind alone, and no pairs at all") {
  CHECK(of_pairs({1, 1}, {0.2f, 0.9f}, 0.5).accuracy == 0.5);
  CHECK(of_pairs({0, 0, 0, 0}, {0.2f, 0.9f, 1.0f, 2.0f}, 0.5).accuracy == 0.75);
  CHECK(of_pairs({0, 0}, {0.2f, 0.9f}, 0.5).same == 0.0);
  CHECK(of_pairs({}, {}, 0.5).accuracy == 0.0);
}
