#include "check_loss.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

std::shared_ptr<const Loss> triplet(const std::string& mining) {
  return component<Loss>("type = \"triplet\"\nmargin = 1.0\nmining = \"" + mining + "\"");
}

// Two images of class A, 0 and 1, two of class B, 2 and 3. Distances: 0-1 2; 0-2 2.5, 0-3 4; 1-2 1, 1-3 1.5;
// 2-3 6.
const Labels labels{.classes = {0, 0, 1, 1}, .same = {}};
const std::vector<float> d = {2, 2.5f, 4, 1, 1.5f, 6};

}  // namespace

TEST_CASE("triplet agrees with PyTorch and with finite differences") { check_loss("triplet"); }

TEST_CASE("triplet works on classes and distances") {
  const auto loss = component<Loss>("type = \"triplet\"");
  CHECK(loss->takes_classes());
  CHECK(!loss->takes_pairs());
  CHECK(!loss->takes_logits());
  CHECK(!loss->threshold());
}

TEST_CASE("triplet by hand: all") {
  // Anchor 0: 1+2-2.5 = 0.5, 1+2-4 < 0. Anchor 1: 2 and 1.5. Anchor 2: 4.5 and 6. Anchor 3: 3 and 5.5. Seven
  // of them are above 0.
  std::vector<float> gradient(6);
  CHECK(triplet("all")->value(labels, triplet("all")->pairs(labels), d, gradient) ==
        doctest::Approx((0.5 + 2 + 1.5 + 4.5 + 6 + 3 + 5.5) / 7));
  check_close(gradient, {3.0f / 7, -2.0f / 7, -1.0f / 7, -2.0f / 7, -2.0f / 7, 4.0f / 7}, 1e-6);
}

TEST_CASE("triplet by hand: semi_hard") {
  // Anchor 0: the nearest that is farther than 2 is 2.5. Anchor 1: 1 and 1.5 are both nearer than 2, so the
  // farther one. Anchors 2 and 3 likewise, against 6: 2.5 and 4. Four pairs.
  std::vector<float> gradient(6);
  CHECK(triplet("semi_hard")->value(labels, triplet("semi_hard")->pairs(labels), d, gradient) ==
        doctest::Approx((0.5 + 1.5 + 4.5 + 3) / 4));
  check_close(gradient, {2.0f / 4, -2.0f / 4, -1.0f / 4, 0, -1.0f / 4, 2.0f / 4}, 1e-6);
}

TEST_CASE("triplet by hand: hard") {
  // The nearest of the other class: 2.5, 1, 1, 1.5.
  std::vector<float> gradient(6);
  CHECK(triplet("hard")->value(labels, triplet("hard")->pairs(labels), d, gradient) ==
        doctest::Approx((0.5 + 2 + 6 + 5.5) / 4));
  check_close(gradient, {2.0f / 4, -1.0f / 4, 0, -2.0f / 4, -1.0f / 4, 2.0f / 4}, 1e-6);
}

TEST_CASE("triplet of hard takes the farthest of an anchor's class") {
  // Three of one class at 1, 2 and 3 of each other, all at 10 of the fourth; the margin is 9.
  const auto loss = component<Loss>("type = \"triplet\"\nmargin = 9.0\nmining = \"hard\"");
  const Labels three{.classes = {7, 7, 7, 8}, .same = {}};
  std::vector<float> gradient(6);
  // Pairs 0-1 1, 0-2 3, 1-2 2; image 3 has nobody and is no anchor.
  CHECK(loss->value(three, loss->pairs(three), std::vector<float>{1, 3, 10, 2, 10, 10}, gradient) ==
        doctest::Approx((2 + 1 + 2) / 3.0));
}

TEST_CASE("triplet of what is learned already is 0, and so is the gradient") {
  const std::vector<float> learned = {0.5f, 2, 2, 2, 2, 0.5f};
  for (const char* mining : {"all", "semi_hard", "hard"}) {
    std::vector<float> gradient(6, 7.0f);
    CHECK(triplet(mining)->value(labels, triplet(mining)->pairs(labels), learned, gradient) == 0.0);
    CHECK(gradient == std::vector<float>(6, 0.0f));
  }
}

TEST_CASE("triplet of what is not a number is none") {
  for (const char* mining : {"all", "semi_hard", "hard"}) {
    std::vector<float> gradient(6);
    CHECK(std::isnan(triplet(mining)->value(labels, triplet(mining)->pairs(labels),
                                            std::vector<float>(6, std::nanf("")), gradient)));
  }
}

TEST_CASE("triplet says when a batch has no triplet") {
  const std::string expected =
      "the loss triplet needs a class with two images and an image of another class in a batch; this batch "
      "of "
      "3 has none";
  for (const Labels& batch :
       {Labels{.classes = {0, 1, 2}, .same = {}}, Labels{.classes = {0, 0, 0}, .same = {}}}) {
    const auto loss = component<Loss>("type = \"triplet\"");
    std::vector<float> gradient(3);
    CHECK_THROWS_WITH_AS(loss->value(batch, loss->pairs(batch), std::vector<float>{1, 1, 1}, gradient),
                         expected.c_str(), Error);
  }
}
