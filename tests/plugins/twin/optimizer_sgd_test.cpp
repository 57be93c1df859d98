#include "check_optimizer.h"

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

TEST_CASE("sgd ramps its momentum over the epochs, up to the layer's own") {
  const auto sgd =
      component<Optimizer>("type = \"sgd\"\nmomentum = 0.9\nmomentum_start = 0.5\nmomentum_epochs = 4");
  // A gradient of 0 leaves v times the momentum.
  const auto momentum = [&](std::uint64_t epoch, std::optional<double> own = {}) {
    std::vector<float> w = {0}, v = {1};
    float* slots[] = {v.data()};
    sgd->update(w, std::vector<float>{0}, slots, {.t = 0, .rate = 0.5, .epoch = epoch, .momentum = own});
    CHECK(w[0] == v[0]);
    return static_cast<double>(v[0]);
  };
  CHECK(momentum(0) == doctest::Approx(0.5));
  CHECK(momentum(1) == doctest::Approx(0.6));
  CHECK(momentum(3) == doctest::Approx(0.8));
  CHECK(momentum(4) == doctest::Approx(0.9));
  CHECK(momentum(400) == doctest::Approx(0.9));
  CHECK(momentum(2, 0.75) == doctest::Approx(0.625));
  CHECK(momentum(9, 0.75) == doctest::Approx(0.75));
  CHECK(momentum(2, 0.0) == doctest::Approx(0.25));
  CHECK(sgd->has_momentum());
  CHECK(!component<Optimizer>("type = \"sgd\"\nmomentum = 0.0")->has_momentum());
}

TEST_CASE("sgd refuses half a ramp") {
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum_start = 0.5") ==
        "momentum_start and momentum_epochs need each other");
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum_epochs = 5") ==
        "momentum_start and momentum_epochs need each other");
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum = 0.0\nmomentum_start = 0.5\nmomentum_epochs = 5") ==
        "momentum_start needs a momentum above 0: that is what the momentum goes to");
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum_start = 0.5\nmomentum_epochs = 0")
            .find("momentum_epochs") != std::string::npos);
}

TEST_CASE("sgd refuses nesterov without momentum") {
  CHECK(problem_of<Optimizer>("type = \"sgd\"\nmomentum = 0.0\nnesterov = true") ==
        "nesterov needs a momentum above 0");
}
