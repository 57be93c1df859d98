#include "plugins/twin/updater.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "components.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// Two layers: "a" with weights 2 x 2 and a bias, "b" with one weight; plain row-major spans.
struct Bed {
  std::vector<float> a{3.0f, 4.0f, 0.3f, 0.4f}, bias{1.0f, -2.0f}, b{0.5f};
  std::vector<float> ga{0.6f, 0.8f, 0.0f, 0.0f}, gbias{0.0f, 0.0f}, gb{2.0f};

  Updater updater(const std::vector<Tuning>& tunings = {}, Clipping clipping = {},
                  const std::string& optimizer = "type = 'sgd'\nmomentum = 0.0") {
    return Updater({{"a.weight", nullptr, a, ga, {2, 2}},
                    {"a.bias", nullptr, bias, gbias, {2}},
                    {"b.weight", nullptr, b, gb, {1}}},
                   component<Optimizer>(optimizer), tunings, clipping);
  }
};

const UpdateStep step{.t = 0, .rate = 0.5};

}  // namespace

TEST_CASE("plain descent, and the length of the whole gradient") {
  Bed bed;
  const Updater::Done done = bed.updater().update(step, 1);
  CHECK(done.norm == doctest::Approx(std::sqrt(5.0)));
  CHECK(done.penalty == 0.0);
  check_close(bed.a, {2.7f, 3.6f, 0.3f, 0.4f}, 1e-6);
  check_close(bed.b, {-0.5f}, 1e-6);
}

TEST_CASE("clipping by value, by tensor and by the whole") {
  Bed value, tensor, whole;
  value.updater({}, {.value = 0.7}).update(step, 1);
  check_close(value.a, {2.7f, 3.65f, 0.3f, 0.4f}, 1e-6);
  check_close(value.b, {0.15f}, 1e-6);
  tensor.updater({}, {.norm = 0.5}).update(step, 1);
  check_close(tensor.a, {2.85f, 3.8f, 0.3f, 0.4f}, 1e-6);
  check_close(tensor.b, {0.25f}, 1e-6);
  const double half = std::sqrt(5.0) / 2.0;
  CHECK(whole.updater({}, {.global = half}).update(step, 1).norm ==
        doctest::Approx(2.0 * half));  // before it
  check_close(whole.a, {2.85f, 3.8f, 0.3f, 0.4f}, 1e-6);
  check_close(whole.b, {0.0f}, 1e-6);
  Bed loose;
  loose.updater({}, {.global = 100.0}).update(step, 1);
  check_close(loose.b, {-0.5f}, 1e-6);
}

TEST_CASE("the order: penalty, gradient scale, clipping, decay, update, constraint") {
  // b: gradient 2 + 2 * 1 * 0.5 = 3, scaled by 0.5 to 1.5, clipped to 1; decay 0.5 * (1 - 0.25 * 0.4) = 0.45;
  // rate 0.5 * 0.5: 0.45 - 0.25 = 0.2; clipped to at least 0.25.
  Bed bed;
  const std::vector<Tuning> tunings{
      {.layers = "b", .learning_rate_scale = 0.5, .gradient_scale = 0.5, .l2 = 1.0, .range = {0.25, 9.0}}};
  const Updater::Done done =
      bed.updater(tunings, {.value = 1.0}, "type = 'sgd'\nmomentum = 0.0\nweight_decay = 0.4")
          .update(step, 1);
  CHECK(done.penalty == doctest::Approx(0.25));
  check_close(bed.b, {0.25f}, 1e-6);
  Bed free;
  std::vector<Tuning> loose = tunings;
  loose[0].range = {};
  free.updater(loose, {.value = 1.0}, "type = 'sgd'\nmomentum = 0.0\nweight_decay = 0.4").update(step, 1);
  check_close(free.b, {0.2f}, 1e-6);
}

TEST_CASE("penalties of weights and of biases are told apart") {
  Bed bed;
  bed.gbias = {0.0f, 0.0f};
  bed.ga = {0.0f, 0.0f, 0.0f, 0.0f};
  const Updater::Done done = bed.updater({{.layers = "a", .l1 = 0.5, .bias_l2 = 0.25}}).update(step, 1);
  CHECK(done.penalty == doctest::Approx(0.5 * 7.7 + 0.25 * 5.0));
  check_close(bed.a, {2.75f, 3.75f, 0.05f, 0.15f}, 1e-6);
  check_close(bed.bias, {0.75f, -1.5f}, 1e-6);
}

TEST_CASE("a constraint holds for weights, not for biases") {
  Bed bed;
  bed.updater({{.layers = "a", .non_negative = true, .frozen = false}}).update(step, 1);
  CHECK(bed.bias[1] == -2.0f);
  bed.updater({{.layers = "a", .unit_norm = true}}).update({.t = 0, .rate = 0.0}, 1);
  check_close(bed.a, {0.6f, 0.8f, 0.6f, 0.8f}, 1e-6);
}

TEST_CASE("a frozen layer keeps its weights and its optimiser's memory, and does not count in the norm") {
  Bed bed;
  Updater updater = bed.updater({{.layers = "b", .frozen = true, .unfreeze_at = 1}}, {},
                                "type = 'sgd'\nmomentum = 0.5\nweight_decay = 0.1");
  CHECK(updater.update({.t = 0, .rate = 0.5, .epoch = 0}, 1).norm == doctest::Approx(1.0));
  CHECK(bed.b[0] == 0.5f);
  CHECK(updater.frozen("b", 0));
  CHECK(!updater.frozen("b", 1));
  CHECK(!updater.frozen("a", 0));
  State state;
  updater.save(state);
  CHECK(state.tensor("optimizer.0.b.weight").values == std::vector<float>{0.0f});
  updater.update({.t = 1, .rate = 0.5, .epoch = 1}, 1);
  CHECK(bed.b[0] != 0.5f);
}

TEST_CASE("a layer has its own momentum") {
  Bed bed;
  Updater updater = bed.updater({{.layers = "b", .momentum = 0.25}}, {},
                                "type = 'sgd'\nmomentum = 0.5\nlearning_rate = 1.0");
  updater.update({.t = 0, .rate = 0.5}, 1);  // v = -1
  updater.update({.t = 1, .rate = 0.5}, 1);  // v = -0.25 - 1
  check_close(bed.b, {0.5f - 1.0f - 1.25f}, 1e-6);
  check_close(bed.a, {3.0f - 0.3f - 0.45f, 4.0f - 0.4f - 0.6f, 0.3f, 0.4f}, 1e-6);
  CHECK_THROWS_WITH_AS(bed.updater({{.layers = "b", .momentum = 0.25}}, {}, "type = 'adam'"),
                       "the layers 'b' are to have a momentum, but the optimizer adam has none", Error);
}

TEST_CASE("several batches count by their mean") {
  Bed bed;
  Updater updater = bed.updater();
  updater.collect();
  bed.gb = {4.0f};
  updater.collect();
  updater.update(step, 2);
  check_close(bed.b, {0.5f - 0.5f * 3.0f}, 1e-6);
  updater.collect();  // starts from nothing
  bed.gb = {1.0f};
  updater.update(step, 1);
  check_close(bed.b, {-1.0f - 0.5f * 3.0f}, 1e-6);  // the gradient was 3 when it was collected
}

TEST_CASE("a gradient that is not finite is named, the last layer first, and changes nothing") {
  Bed bed;
  bed.ga[2] = NAN;
  bed.gb[0] = HUGE_VALF;
  CHECK_THROWS_WITH_AS(bed.updater().update({.t = 6, .rate = 0.5}, 1),
                       "the gradient of update 7 is not finite in the layer 'b' (b.weight)", NotFinite);
  CHECK(bed.a == Bed().a);
  CHECK(bed.bias == Bed().bias);
  bed.gb[0] = 1e30f;  // finite, though its square is not in f32
  bed.ga[2] = 0.0f;
  CHECK(bed.updater().update({.t = 6, .rate = 0.0}, 1).norm == doctest::Approx(1e30));
}

TEST_CASE("an updater goes on where another was saved") {
  Bed one, other;
  Updater first = one.updater({}, {}, "type = 'adam'"), second = other.updater({}, {}, "type = 'adam'");
  first.update(step, 1);
  first.collect();
  State state;
  first.save(state);
  other.a = one.a;  // of tensors without a Parameter it restores the weights, too
  second.restore(state);
  CHECK(other.b == one.b);
  first.update({.t = 1, .rate = 0.5}, 1);
  second.update({.t = 1, .rate = 0.5}, 1);
  CHECK(other.b == one.b);
  CHECK(other.bias == one.bias);
  state.tensors.at("optimizer.1.b.weight").values.push_back(0.0f);
  CHECK_THROWS_WITH_AS(second.restore(state),
                       "the saved tensor 'optimizer.1.b.weight' has 2 values, but here it has 1", Error);
  state.values["optimizer"] = std::string("sgd");
  CHECK_THROWS_WITH_AS(second.restore(state),
                       "the state was saved with the optimizer sgd, the graph says adam", Error);
}

TEST_CASE("the same bits for 1, 2 and 8 threads") {
  const auto run = [](int threads) {
    constexpr std::size_t size = 100'000;
    std::vector<float> weights(size), gradient(size);
    Random random(5, 0, 0);
    for (std::size_t i = 0; i < size; ++i) {
      weights[i] = static_cast<float>(random.normal());
      gradient[i] = static_cast<float>(random.normal());
    }
    tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    double norm = 0.0;
    arena.execute([&] {
      Updater updater({{"a.weight", nullptr, weights, gradient, {100, 1000}}},
                      component<Optimizer>("type = 'adam'"), {{.layers = "a", .l2 = 0.1, .max_norm = 30.0}},
                      {.global = 10.0});
      for (std::uint64_t t = 0; t < 3; ++t) norm += updater.update({.t = t, .rate = 0.1}, 1).norm;
    });
    weights.push_back(static_cast<float>(norm));
    return weights;
  };
  const std::vector<float> one = run(1);
  CHECK(run(2) == one);
  CHECK(run(8) == one);
}
