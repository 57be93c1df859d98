#include "plugins/twin/tuning.h"

#include "components.h"
#include "twinflow/spec.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const std::vector<std::string> names{"0.conv", "3.residual.0.conv", "head", "distance"};

std::string problem(const std::string& toml) {
  Problems problems;
  const Value value = parse_toml(toml, "tune.toml", "", problems);
  Tuning made;
  ParamType<Tuning>::read(value, made, problems);
  return problems.empty() ? "" : problems.list().at(0).message;
}

std::vector<float> constrained(const Tuning& tuning, std::vector<float> rows, std::size_t width) {
  constrain(tuning, rows, width);
  return rows;
}

}  // namespace

TEST_CASE("a pattern names layers by their whole name") {
  const std::vector<Tuning> tunings{{.layers = ".*conv"}, {.layers = "head|distance"}};
  const auto found = match_tunings(tunings, names);
  CHECK(found == std::vector<const Tuning*>{&tunings[0], &tunings[0], &tunings[1], &tunings[1]});
  const std::vector<Tuning> part{{.layers = "0"}};
  CHECK_THROWS_WITH_AS(
      match_tunings(part, names),
      "no layer that learns is named '0' (there are 0.conv, 3.residual.0.conv, head, distance)", Error);
}

TEST_CASE("two patterns on one layer are an error") {
  const std::vector<Tuning> tunings{{.layers = ".*conv"}, {.layers = "0.*"}};
  CHECK_THROWS_WITH_AS(match_tunings(tunings, names),
                       "two patterns of `tune` name the layer '0.conv': '.*conv' and '0.*'", Error);
}

TEST_CASE("what cannot be is refused") {
  CHECK(problem("layers = '('") == "'(' is not a regular expression: missing ): (");
  CHECK(problem("layers = 'a'\nrange = [2.0, 1.0]") == "range is [low, high], low first");
  CHECK(problem("layers = 'a'\nunit_norm = true\nmax_norm = 2.0") ==
        "unit_norm and max_norm contradict each other");
  CHECK(problem("layers = 'a'\nunfreeze_at = 3") == "unfreeze_at needs frozen = true");
  CHECK(problem("layers = 'a'\nfrozen = true\nunfreeze_at = 3\nfreeze_at = 3") ==
        "freeze_at must come after unfreeze_at");
  CHECK(problem("frozen = true").find("layers") != std::string::npos);
  CHECK(problem("layers = 'a'\nfrozen = true\nunfreeze_at = 3\nfreeze_at = 4") == "");
}

TEST_CASE("freezing by epochs") {
  const Tuning always{.layers = "a", .frozen = true}, later{.layers = "a", .freeze_at = 2},
      thawed{.layers = "a", .frozen = true, .freeze_at = 5, .unfreeze_at = 2};
  const auto epochs = [](const Tuning& tuning) {
    std::string all;
    for (std::uint64_t epoch = 0; epoch < 7; ++epoch) all += tuning.frozen_in(epoch) ? 'x' : '-';
    return all;
  };
  CHECK(epochs(always) == "xxxxxxx");
  CHECK(epochs(later) == "--xxxxx");
  CHECK(epochs(thawed) == "xx---xx");
}

TEST_CASE("penalties: l1 sum |w| + l2 sum w^2, without a half") {
  const std::vector<float> w{2.0f, -0.5f, 0.0f};
  std::vector<float> g{1.0f, 1.0f, 1.0f};
  CHECK(add_penalty(0.5, 0.25, w, g) == doctest::Approx(0.5 * 2.5 + 0.25 * 4.25));
  check_close(g, std::vector<float>{1.0f + 0.5f + 1.0f, 1.0f - 0.5f - 0.25f, 1.0f}, 1e-7);
  // The slope, by central differences: the penalty is a parabola on either side of 0.
  for (std::size_t i = 0; i < 2; ++i) {
    std::vector<float> up = w, down = w, unused(3), slope(3);
    up[i] += 0.125f;
    down[i] -= 0.125f;
    const double rise = add_penalty(0.5, 0.25, up, unused) - add_penalty(0.5, 0.25, down, unused);
    add_penalty(0.5, 0.25, w, slope);
    CHECK(slope[i] == doctest::Approx(rise / 0.25));
  }
}

TEST_CASE("constraints, row by row, by hand") {
  // Rows of length 5 and 0.5.
  const std::vector<float> w{3.0f, -4.0f, 0.3f, 0.4f};
  check_close(constrained({.layers = "a", .max_norm = 2.5}, w, 2), {1.5f, -2.0f, 0.3f, 0.4f}, 1e-6);
  check_close(constrained({.layers = "a", .unit_norm = true}, w, 2), {0.6f, -0.8f, 0.6f, 0.8f}, 1e-6);
  check_close(constrained({.layers = "a", .non_negative = true}, w, 2), {3.0f, 0.0f, 0.3f, 0.4f}, 0.0);
  check_close(constrained({.layers = "a", .range = {-1.0, 0.35}}, w, 2), {0.35f, -1.0f, 0.3f, 0.35f}, 1e-7);
  check_close(constrained({.layers = "a", .max_norm = 1.0, .non_negative = true}, w, 2),
              {1.0f, 0.0f, 0.3f, 0.4f}, 1e-6);
  check_close(constrained({.layers = "a", .unit_norm = true}, {0.0f, 0.0f}, 2), {0.0f, 0.0f}, 0.0);
}
