#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("sgd agrees with PyTorch over several updates") { check_optimizer("sgd"); }

TEST_CASE("sgd by hand") {
  const auto plain = component<Optimizer>("type = \"sgd\"\nmomentum = 0.0");
  CHECK(plain->slots() == 0);
  CHECK(plain->learning_rate == 0.01);
  std::vector<float> weights = {2, -1};
  plain->update(weights, std::vector<float>{4, 8}, {}, {.t = 0, .rate = 0.25});
  CHECK(weights == std::vector<float>{1, -3});

  // Keras' momentum holds the rate of its own time: v = -0.5 * 2 = -1, then 0.5 * -1 - 0.25 * 2 = -1. (With
  // the rate outside, as in PyTorch, the second step would be 0.25 * (0.5 * 2 + 2) = 0.75.)
  const auto momentum = component<Optimizer>("type = \"sgd\"\nmomentum = 0.5");
  REQUIRE(momentum->slots() == 1);
  std::vector<float> w = {10}, v = {0};
  float* slots[] = {v.data()};
  momentum->update(w, std::vector<float>{2}, slots, {.t = 0, .rate = 0.5});
  CHECK(w[0] == 9.0f);
  momentum->update(w, std::vector<float>{2}, slots, {.t = 1, .rate = 0.25});
  CHECK(v[0] == -1.0f);
  CHECK(w[0] == 8.0f);

  // Nesterov: v = -1, w += 0.5 * -1 - 1.
  const auto nesterov = component<Optimizer>("type = \"sgd\"\nmomentum = 0.5\nnesterov = true");
  w = {10}, v = {0};
  nesterov->update(w, std::vector<float>{2}, slots, {.t = 0, .rate = 0.5});
  CHECK(w[0] == 8.5f);

  // Decay is apart from the gradient and from v: 8 * (1 - 0.5 * 0.25) - 1.
  const auto decay = component<Optimizer>("type = \"sgd\"\nmomentum = 0.5\nweight_decay = 0.25");
  w = {8}, v = {0};
  decay->update(w, std::vector<float>{2}, slots, {.t = 0, .rate = 0.5});
  CHECK(w[0] == 6.0f);
  CHECK(v[0] == -1.0f);
}

TEST_CASE("sgd refuses nesterov without momentum") {
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum = 0.0\nnesterov = true") ==
        "nesterov needs a momentum above 0");
}
