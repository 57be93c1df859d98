#include "check_loss.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("contrastive agrees with PyTorch and with finite differences") { check_loss("contrastive"); }

TEST_CASE("contrastive by hand") {
  const auto loss = component<Loss>("type = \"contrastive\"\nmargin = 2.0");
  CHECK(!loss->needs_logits());
  CHECK(!loss->takes_logits());
  const Labels labels{.classes = {}, .same = {1, 0, 0, 0}};
  const auto pairs = loss->pairs(labels);
  std::vector<float> gradient(4);
  // Same at 3: 9/2. Different at 1/2: (3/2)^2 / 2, where squaring before the hinge would give (2 - 1/4) / 2.
  // Beyond the margin: nothing. At 0: 2^2 / 2.
  CHECK(loss->value(labels, pairs, std::vector<float>{3, 0.5f, 2.5f, 0}, gradient) ==
        doctest::Approx((4.5 + 1.125 + 0.0 + 2.0) / 4));
  CHECK(gradient == std::vector<float>{0.75f, -0.375f, 0.0f, -0.5f});
}

TEST_CASE("contrastive balanced by hand: half of it for each kind of pair") {
  const auto loss = component<Loss>("type = \"contrastive\"\nmargin = 2.0\nbalance = true");
  const Labels labels{.classes = {}, .same = {1, 0, 0, 0}};
  std::vector<float> gradient(4);
  CHECK(loss->value(labels, loss->pairs(labels), std::vector<float>{3, 0.5f, 2.5f, 0}, gradient) ==
        doctest::Approx((4.5 + (1.125 + 0.0 + 2.0) / 3) / 2));
  check_close(gradient, {1.5f, -1.5f / 6, 0.0f, -2.0f / 6}, 1e-6);
}

TEST_CASE("contrastive says when a batch has no pair") {
  const auto loss = component<Loss>("type = \"contrastive\"");
  CHECK_THROWS_WITH_AS(loss->value({.classes = {3}, .same = {}}, {}, {}, {}),
                       "the loss contrastive needs at least one pair; this batch has none", Error);
}
