#include "plugins/monitor/history.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

using namespace twinflow::monitor;

namespace {

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// Of accuracy, the more the better, and loss, the less the better: each best at an odd step, then worse.
std::vector<double> values_at(std::uint64_t step) {
  const auto away = [&](double best) { return std::abs(static_cast<double>(step) - best); };
  return {1.0 / (1.0 + away(1777)), away(4321)};
}

void add(History& history, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t step = from; step < to; ++step) history.add(step / 10, step, values_at(step));
}

History empty() { return History({"accuracy", "loss"}, {false, true}); }

}  // namespace

TEST_CASE("history: a short one is whole, and what is not finite is null") {
  History history = empty();
  CHECK(history.empty());
  CHECK(history.text() == "[]");
  history.add(0, 10, {0.5, missing});
  history.add(1, 20, {0.1, 2});
  CHECK(history.text() == R"([{"epoch":1,"step":10,"values":{"accuracy":0.5,"loss":null}},)"
                          R"({"epoch":2,"step":20,"values":{"accuracy":0.1,"loss":2.0}}])");
  History whole = empty();
  add(whole, 0, History::limit);
  CHECK(nlohmann::json::parse(whole.text()).size() == History::limit);
}

TEST_CASE("history: however long the run, its size is bounded; the best and the last stay") {
  History history = empty();
  std::size_t longest = 0;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    add(history, step, step + 1);
    longest = std::max(longest, history.text().size());
  }
  CHECK(longest < 100'000);
  const nlohmann::json all = nlohmann::json::parse(history.text());
  CHECK(all.size() <= History::limit);
  CHECK(all.size() >= History::limit / 2);
  const auto has = [&](std::uint64_t step) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one["step"] == step; });
  };
  for (const std::uint64_t step : {0, 1777, 4321, 19'999}) CHECK(has(step));
  CHECK(std::is_sorted(all.begin(), all.end(),
                       [](const auto& a, const auto& b) { return a["step"] < b["step"]; }));
}

TEST_CASE("history: restored at any time, it becomes what it would have become") {
  History whole = empty();
  add(whole, 0, 3000);
  for (const std::uint64_t stop : {1, 999, 1000, 1001, 1500, 2600}) {
    CAPTURE(stop);
    History before = empty(), after = empty();
    add(before, 0, stop);
    after.restore(before.text());
    CHECK(after.text() == before.text());
    add(after, stop, 3000);
    CHECK(after.text() == whole.text());
  }
}

TEST_CASE("history: a state of an older version holds all, without an end; it is thinned as it is read") {
  std::string old = "[";
  for (int step = 0; step < 5000; ++step) {
    old += step == 0 ? "" : ",";
    old +=
        nlohmann::json{{"epoch", 1}, {"step", step}, {"values", {{"accuracy", 0.5}, {"loss", step}}}}.dump();
  }
  History history = empty();
  history.restore(old);
  CHECK(nlohmann::json::parse(history.text()).size() <= History::limit);
  history.restore("");
  CHECK(history.empty());
}

TEST_CASE("history: it tells whether a metric ever was a finite number, after thinning, too") {
  History history = empty();
  history.add(0, 0, {missing, missing});
  history.add(0, 1, {missing, 3});
  for (std::uint64_t step = 2; step < 5000; ++step) history.add(0, step, {missing, missing});
  CHECK_FALSE(history.was_finite(0));
  CHECK(history.was_finite(1));
}
