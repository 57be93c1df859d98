#include "check_loss.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("bce agrees with PyTorch and with finite differences") { check_loss("bce"); }

TEST_CASE("bce by hand") {
  const auto loss = component<Loss>("type = \"bce\"");
  CHECK(loss->needs_logits());
  CHECK(loss->takes_logits());
  CHECK(loss->takes_pairs());
  CHECK(loss->takes_classes());
  const Labels labels{.classes = {}, .same = {1, 0}};
  const auto pairs = loss->pairs(labels);
  REQUIRE(pairs.size() == 2);  // left i, right 2 + i
  CHECK(pairs[0].a == 0);
  CHECK(pairs[0].b == 2);
  CHECK(pairs[1].a == 1);
  CHECK(pairs[1].b == 3);
  // z = log 3: "different" with probability 3/4. Wrong for the same pair, -log(1/4); right for the other,
  // -log(3/4).
  const float z = std::log(3.0f);
  std::vector<float> gradient(2);
  CHECK(loss->value(labels, pairs, std::vector<float>{z, z}, gradient) ==
        doctest::Approx(0.5 * (std::log(4.0) + std::log(4.0 / 3.0))));
  CHECK(gradient[0] == doctest::Approx(0.375));
  CHECK(gradient[1] == doctest::Approx(-0.125));
}

TEST_CASE("bce of a class batch counts every pair inside it") {
  const auto loss = component<Loss>("type = \"bce\"");
  const Labels labels{.classes = {4, 9, 4}, .same = {}};
  std::vector<float> gradient(3);
  // Pairs (0,1) different, (0,2) same, (1,2) different; at z = 0 each costs log 2 and pulls by 1/2.
  CHECK(loss->value(labels, loss->pairs(labels), std::vector<float>{0, 0, 0}, gradient) ==
        doctest::Approx(std::log(2.0)));
  CHECK(gradient[0] == doctest::Approx(-1.0 / 6.0));
  CHECK(gradient[1] == doctest::Approx(1.0 / 6.0));
  CHECK(gradient[2] == doctest::Approx(-1.0 / 6.0));
}

TEST_CASE("bce with label smoothing and weights, by hand") {
  // Labels 1/4 and 3/4. At z = 0 all cost log 2; they pull by 1/2 - 1/4 and 1/2 - 3/4, twice as much for
  // same.
  const auto loss = component<Loss>("type = \"bce\"\nlabel_smoothing = 0.5\nsame_weight = 2.0");
  const Labels labels{.classes = {}, .same = {1, 0}};
  std::vector<float> gradient(2);
  CHECK(loss->value(labels, loss->pairs(labels), std::vector<float>{0, 0}, gradient) ==
        doctest::Approx(std::log(2.0)));
  CHECK(gradient[0] == doctest::Approx(0.25 * 2 / 3));
  CHECK(gradient[1] == doctest::Approx(-0.25 / 3));
  // The least there can be, at sigmoid(z) = 3/4: the entropy of the label.
  CHECK(loss->value(labels, loss->pairs(labels), std::vector<float>{-std::log(3.0f), std::log(3.0f)},
                    gradient) == doctest::Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)));
  CHECK(std::abs(gradient[0]) < 1e-7f);
  CHECK(std::abs(gradient[1]) < 1e-7f);
}

TEST_CASE("bce neither overflows nor loses a small loss") {
  const auto loss = component<Loss>("type = \"bce\"");
  const Labels labels{.classes = {}, .same = {1, 1}};
  const auto pairs = loss->pairs(labels);
  std::vector<float> gradient(2);
  CHECK(loss->value(labels, pairs, std::vector<float>{2000, -2000}, gradient) == doctest::Approx(1000.0));
  CHECK(gradient == std::vector<float>{0.5f, 0.0f});
  CHECK(loss->value(labels, pairs, std::vector<float>{-50, -50}, gradient) ==
        doctest::Approx(std::exp(-50.0)));
  CHECK(gradient[0] == doctest::Approx(0.5 * std::exp(-50.0)).epsilon(1e-6));
}

TEST_CASE("bce says when a batch has no pair") {
  const auto loss = component<Loss>("type = \"bce\"");
  CHECK_THROWS_WITH_AS(loss->value({.classes = {3}, .same = {}}, {}, {}, {}),
                       "the loss bce needs at least one pair; this batch has none", Error);
}
