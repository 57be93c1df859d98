#include "plugins/twin/pair_weights.h"

#include <doctest/doctest.h>

#include <numeric>

#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

using Weights = std::vector<double>;

/// Pairs 0 and 1 of one class, 2 to 5 of two.
const Labels labels{.classes = {}, .same = {1, 1, 0, 0, 0, 0}};
const std::vector<IndexPair> pairs = {{0, 6}, {1, 7}, {2, 8}, {3, 9}, {4, 10}, {5, 11}};

Weights weights(const PairWeights& by, const std::vector<float>& d = {1, 2, 3, 4, 5, 6}) {
  return by.weights("bce", labels, pairs, d);
}

}  // namespace

TEST_CASE("pair weights: alike unless told") {
  CHECK(weights({}) == Weights(6, 1.0));
  CHECK(weights({.same_weight = 3.0, .different_weight = 0.5}) == Weights{3, 3, 0.5, 0.5, 0.5, 0.5});
}

TEST_CASE("pair weights: balance shares each weight out") {
  CHECK(weights({.balance = true}) == Weights{0.5, 0.5, 0.25, 0.25, 0.25, 0.25});
  CHECK(weights({.different_weight = 3.0, .balance = true}) == Weights{0.5, 0.5, 0.75, 0.75, 0.75, 0.75});
  // Among those that are left.
  CHECK(weights({.balance = true, .hardest_different = 0.5}) == Weights{0.5, 0.5, 0.5, 0.5, 0, 0});
}

TEST_CASE("pair weights: the nearest different and the farthest same pairs are the hard ones") {
  const std::vector<float> d = {-1, 2, 0.5f, -3, 8, 0.25f};
  CHECK(weights({.hardest_different = 0.5}, d) == Weights{1, 1, 0, 1, 0, 1});
  CHECK(weights({.hardest_different = 0.26}, d) == Weights{1, 1, 0, 1, 0, 1});  // rounded up
  CHECK(weights({.hardest_different = 1e-6}, d) == Weights{1, 1, 0, 1, 0, 0});
  CHECK(weights({.hardest_same = 0.5}, d) == Weights{0, 1, 1, 1, 1, 1});
}

TEST_CASE("pair weights: of pairs equally far the first are taken; what is not a number ends nothing") {
  CHECK(weights({.hardest_different = 0.5}, std::vector<float>(6, 1.0f)) == Weights{1, 1, 1, 1, 0, 0});
  const Weights some =
      weights({.hardest_same = 0.5, .hardest_different = 0.5}, std::vector<float>(6, std::nanf("")));
  CHECK(std::accumulate(some.begin(), some.end(), 0.0) == 3.0);
}

TEST_CASE("pair weights: a batch in which nothing counts is an error") {
  const PairWeights by{.same_weight = 0.0};
  CHECK(weights(by) == Weights{0, 0, 1, 1, 1, 1});
  CHECK_THROWS_WITH_AS(by.weights("contrastive", {.classes = {}, .same = {1, 1}}, std::vector<IndexPair>(2),
                                  std::vector<float>(2)),
                       "the loss contrastive has nothing to learn from: all 2 pairs of this batch are of one "
                       "class each, and these weigh 0",
                       Error);
  CHECK_THROWS_WITH_AS(
      PairWeights{.different_weight = 0.0}.weights("bce", {.classes = {0, 1}, .same = {}},
                                                   std::vector<IndexPair>{{0, 1}}, std::vector<float>(1)),
      "the loss bce has nothing to learn from: all 1 pairs of this batch are of two classes each, and these "
      "weigh 0",
      Error);
}

TEST_CASE("pair weights: both 0 is refused") {
  CHECK(problem_of<Loss>("type = \"bce\"\nsame_weight = 0.0\ndifferent_weight = 0.0") ==
        "same_weight and different_weight are both 0: no pair would count");
  CHECK(problem_of<Loss>("type = \"contrastive\"\nhardest_same = 0.0").find("hardest_same") !=
        std::string::npos);
}
