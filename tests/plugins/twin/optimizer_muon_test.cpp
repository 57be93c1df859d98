#include "check_optimizer.h"
#include "plugins/twin/orthogonalize.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// A matrix that lies column by column, as a layout of the engine's might.
struct Bed {
  std::vector<float> weights{1, 2, 3, 4, 5, 6}, gradient, m = std::vector<float>(6),
                                                          v = std::vector<float>(6);

  void update(const Optimizer& muon, const UpdateStep& step) {
    float* slots[] = {m.data(), v.data()};
    MatrixUpdate matrix{weights, gradient, slots, 2, 3, {}, {}};
    matrix.row_major = [](std::span<const float> a) {
      return std::vector<float>{a[0], a[2], a[4], a[1], a[3], a[5]};
    };
    matrix.lay_out = [](std::span<const float> rows, std::span<float> a) {
      for (std::size_t i = 0; i < 6; ++i) a[i] = rows[i % 2 * 3 + i / 2];
    };
    muon.update_matrix(matrix, step);
  }
};

}  // namespace

TEST_CASE("muon by hand") {
  const auto muon = component<Optimizer>("type = \"muon\"\nmomentum = 0.5\nweight_decay = 0.1");
  CHECK(muon->slots() == 2);
  CHECK(muon->learning_rate == 1e-3);
  Bed bed;
  bed.gradient = {4, 0, 0, -8, 0, 0};  // rows (4, 0, 0) and (0, -8, 0)
  bed.update(*muon, {.t = 0, .rate = 0.5});
  check_close(bed.m, {2, 0, 0, -4, 0, 0}, 1e-6);
  // u = m / 2 + g / 2 = (3, 0, 0), (0, -6, 0): its direction is what counts. The step is rate 0.2 sqrt(3).
  std::vector<float> u{1, 0, 0, 0, -2, 0};
  orthogonalize(u, 2, 3);
  const float step = 0.5f * 0.2f * std::sqrt(3.0f), keep = 1.0f - 0.5f * 0.1f;
  check_close(bed.weights,
              {keep - step * u[0], keep * 2, keep * 3, keep * 4 - step * u[4], keep * 5, keep * 6}, 1e-5);
  CHECK(bed.v == std::vector<float>(6, 0.0f));
  // A gradient of 0: m = 1, -2, and u = m / 2 has the same direction.
  const std::vector<float> before = bed.weights;
  bed.gradient.assign(6, 0.0f);
  bed.update(*muon, {.t = 1, .rate = 0.5});
  check_close(bed.m, {1, 0, 0, -2, 0, 0}, 1e-6);
  CHECK(bed.weights[0] == doctest::Approx(keep * before[0] - step * u[0]));
}

TEST_CASE("muon takes a layer's momentum in place of its own") {
  const auto own = component<Optimizer>("type = \"muon\"\nmomentum = 0.5"),
             other = component<Optimizer>("type = \"muon\"");
  CHECK(own->has_momentum());
  Bed a, b;
  a.gradient = b.gradient = {4, 1, 0, -8, 2, 0};
  a.update(*own, {.t = 0, .rate = 0.5});
  b.update(*other, {.t = 0, .rate = 0.5, .momentum = 0.5});
  CHECK(a.weights == b.weights);
  CHECK(a.m == b.m);
}

TEST_CASE("muon takes matrices that are neither vectors nor too large; for the others it is adamw") {
  const auto muon = component<Optimizer>("type = \"muon\"\nmax_side = 8");
  const auto takes = [&](std::vector<std::int64_t> dims) { return muon->takes_matrix(dims); };
  CHECK(takes({8, 100}));
  CHECK(takes({100, 2, 2, 2}));
  CHECK_FALSE(takes({9, 9}));
  CHECK_FALSE(takes({1, 100}));
  CHECK_FALSE(takes({100, 1, 1, 1}));
  CHECK_FALSE(takes({100}));

  const auto adamw = component<Optimizer>("type = \"adamw\"");
  const std::vector<float> start{1, -2, 3};
  const std::vector<std::vector<float>> gradients{{0.5f, 1, -2}, {1, 0, 3}};
  const Updated mine = updated(*muon, start, gradients, 3), theirs = updated(*adamw, start, gradients, 3);
  CHECK(mine.weights == theirs.weights);
  CHECK(mine.slots == theirs.slots);
}
