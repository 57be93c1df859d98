#include "check_loss.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("all_pairs agrees with PyTorch and with finite differences") { check_loss("all_pairs"); }

TEST_CASE("all_pairs asks for every pair of a class batch, once") {
  const auto loss = component<Loss>("type = \"all_pairs\"");
  CHECK(!loss->takes_pairs());
  CHECK(loss->takes_classes());
  CHECK(!loss->needs_logits());
  const auto pairs = loss->pairs({.classes = {5, 5, 6, 6}, .same = {}});
  REQUIRE(pairs.size() == 6);
  const std::vector<std::pair<int, int>> expected = {{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}};
  for (std::size_t i = 0; i < 6; ++i) CHECK(std::pair<int, int>(pairs[i].a, pairs[i].b) == expected[i]);
}

TEST_CASE("all_pairs by hand") {
  // Classes A A B, scale ln 2, d = (0-1: 1, 0-2: 3, 1-2: 2): exp(-scale d) = 1/2, 1/8, 1/4. Image 2 has no
  // positive. Anchor 0: -log((1/2) / (1/2 + 1/8)) = log(5/4). Anchor 1: -log((1/2) / (1/2 + 1/4)) = log(3/2).
  // Mean over two anchors.
  const auto loss = component<Loss>("type = \"all_pairs\"\nscale = 0.6931471805599453");
  const Labels labels{.classes = {0, 0, 1}, .same = {}};
  const std::vector<float> d = {1, 3, 2};
  std::vector<float> gradient(3);
  const double value = loss->value(labels, loss->pairs(labels), d, gradient);
  CHECK(value == doctest::Approx(0.5 * (std::log(1.25) + std::log(1.5))));
  // dloss_0/ds = (4/5 - 1, 1/5) to 1, 2; dloss_1/ds = (2/3 - 1, 1/3) to 0, 2; dd = -scale ds / 2.
  const double scale = std::log(2.0);
  CHECK(gradient[0] == doctest::Approx(0.5 * scale * (0.2 + 1.0 / 3.0)));
  CHECK(gradient[1] == doctest::Approx(-0.5 * scale * 0.2));
  CHECK(gradient[2] == doctest::Approx(-0.5 * scale / 3.0));
}

TEST_CASE("all_pairs with label smoothing by hand") {
  // As above; a half of the answer goes to the two others alike: 3/4 and 1/4 of -log softmax.
  const auto loss =
      component<Loss>("type = \"all_pairs\"\nscale = 0.6931471805599453\nlabel_smoothing = 0.5");
  const Labels labels{.classes = {0, 0, 1}, .same = {}};
  const std::vector<float> d = {1, 3, 2};
  std::vector<float> gradient(3);
  CHECK(loss->value(labels, loss->pairs(labels), d, gradient) ==
        doctest::Approx(0.5 * (0.75 * std::log(1.25) + 0.25 * std::log(5.0) + 0.75 * std::log(1.5) +
                               0.25 * std::log(3.0))));
  const double scale = std::log(2.0);
  CHECK(gradient[0] == doctest::Approx(-0.5 * scale * (0.05 - 1.0 / 12.0)));
  CHECK(gradient[1] == doctest::Approx(0.5 * scale * 0.05));
  CHECK(gradient[2] == doctest::Approx(-0.5 * scale / 12.0));
}

TEST_CASE("all_pairs learns nothing from a batch of one class, and says so") {
  const auto loss = component<Loss>("type = \"all_pairs\"");
  const Labels labels{.classes = {3, 3}, .same = {}};
  std::vector<float> gradient(1);
  CHECK_THROWS_WITH_AS(
      loss->value(labels, loss->pairs(labels), std::vector<float>{0.5f}, gradient),
      "the loss all_pairs needs images of at least two classes in a batch; all 2 of this batch "
      "are of one class",
      Error);
}

TEST_CASE("all_pairs of indistinguishable images is the logarithm of the others' number") {
  const auto loss = component<Loss>("type = \"all_pairs\"");
  const Labels labels{.classes = {0, 0, 1, 1, 2, 2, 2, 3}, .same = {}};
  const auto pairs = loss->pairs(labels);
  const std::vector<float> d(pairs.size(), 0.7f);
  std::vector<float> gradient(pairs.size());
  CHECK(loss->value(labels, pairs, d, gradient) == doctest::Approx(std::log(7.0)));
}

TEST_CASE("all_pairs stays finite for distances far apart") {
  const auto loss = component<Loss>("type = \"all_pairs\"");
  const Labels labels{.classes = {0, 0, 1}, .same = {}};
  std::vector<float> gradient(3);
  // exp(-16 * 1e4) is 0: images 0 and 1 are nearer to image 2 than to each other, hopelessly.
  CHECK(loss->value(labels, loss->pairs(labels), std::vector<float>{1e4f, 0, 0}, gradient) ==
        doctest::Approx(1.6e5));
  CHECK(gradient[0] == doctest::Approx(16.0));
  CHECK(gradient[1] == doctest::Approx(-8.0));
}

TEST_CASE("all_pairs says when a batch has nothing to find") {
  const auto loss = component<Loss>("type = \"all_pairs\"");
  const Labels labels{.classes = {0, 1, 2}, .same = {}};
  std::vector<float> gradient(3);
  CHECK_THROWS_WITH_AS(
      loss->value(labels, loss->pairs(labels), std::vector<float>{1, 1, 1}, gradient),
      "the loss all_pairs needs classes with at least two images in a batch; this batch of 3 has none",
      Error);
}
