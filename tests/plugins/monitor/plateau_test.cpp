#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "twinflow/metrics.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double see(Bench& bench, double value, const std::string& metric = "accuracy") {
  Metrics metrics;
  metrics.values = {{metric, value}};
  bench.process(metrics);
  return bench.board.at("learning_rate_factor").next.value();
}

Better better_of(const std::string& metric) {
  return metric == "loss" ? Better::lower : metric == "figure" ? Better::unknown : Better::higher;
}

/// What is published after each evaluation; the same has to come wherever the run is resumed.
std::vector<double> published(const std::string& toml, const std::vector<double>& values,
                              const std::string& metric = "accuracy") {
  const auto made = [&] {
    return std::make_unique<Bench>("monitor.plateau", toml, 1, std::vector<FedInput>(), better_of(metric));
  };
  std::vector<double> factors;
  const auto whole = made();
  for (const double value : values) factors.push_back(see(*whole, value, metric));
  for (std::size_t cut = 0; cut < values.size(); ++cut) {
    CAPTURE(cut);
    const auto first = made(), second = made();
    first->open();
    for (std::size_t i = 0; i < cut; ++i) see(*first, values[i], metric);
    second->restore(first->save());
    for (std::size_t i = cut; i < values.size(); ++i) CHECK(see(*second, values[i], metric) == factors[i]);
  }
  return factors;
}

using Factors = std::vector<double>;

}  // namespace

TEST_CASE("monitor.plateau: slows down after `patience` evaluations in a row without improvement") {
  CHECK(published("factor = 0.5\npatience = 2", {0.5, 0.625, 0.5, 0.625, 0.5, 0.5, 0.75, 0.5}) ==
        Factors{1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25});
  CHECK(published("factor = 0.5\npatience = 1", {0.5, 0.5, 0.75, 0.75}) == Factors{1, 0.5, 0.5, 0.25});
  // A tenth after five, by default.
  CHECK(published("", {0.5, 0.5, 0.5, 0.5, 0.5, 0.5}) == Factors{1, 1, 1, 1, 1, 0.1});
}

TEST_CASE("monitor.plateau: a loss is to fall; mode says it of others; gains up to min_delta are none") {
  CHECK(published("factor = 0.5\npatience = 1\nmonitor = \"loss\"", {3, 2, 4}, "loss") == Factors{1, 1, 0.5});
  CHECK(published("factor = 0.5\npatience = 1\nmonitor = \"figure\"\nmode = \"max\"", {2, 3, 3}, "figure") ==
        Factors{1, 1, 0.5});
  CHECK(published("factor = 0.5\npatience = 1\nmin_delta = 0.25", {0.25, 0.5, 0.625}) ==
        Factors{1, 0.5, 0.5});
}

TEST_CASE("monitor.plateau: what comes in the cooldown is not counted, but may be the best") {
  // Down at the second; the next two are not counted; then two more.
  CHECK(published("factor = 0.5\npatience = 1\ncooldown = 2", {0.5, 0.5, 0.5, 0.5, 0.5}) ==
        Factors{1, 0.5, 0.5, 0.5, 0.25});
  CHECK(published("factor = 0.5\npatience = 1\ncooldown = 2", {0.5, 0.5, 0.75, 0.5, 0.625}) ==
        Factors{1, 0.5, 0.5, 0.5, 0.25});
}

TEST_CASE("monitor.plateau: not below min_factor, and says what it does") {
  Bench bench("monitor.plateau", "factor = 0.5\npatience = 1\nmin_factor = 0.375");
  const double expected[] = {1, 0.5, 0.375, 0.375, 0.375};
  for (const double factor : expected) CHECK(see(bench, 0.5) == factor);
  CHECK(bench.said ==
        std::vector<std::string>{
            "accuracy has not improved for 1 evaluation: the learning rate goes on at 0.5 of itself",
            "accuracy has not improved for 1 evaluation: the learning rate goes on at 0.375 of itself"});
  CHECK(bench.stopped.empty());
}

TEST_CASE("monitor.plateau: a value that is not finite is no improvement") {
  CHECK(published("factor = 0.5\npatience = 2", {0.5, nan, nan, 0.75}) == Factors{1, 1, 0.5, 0.5});
  CHECK(published("factor = 0.5\npatience = 2", {nan, nan, nan, nan}) == Factors{1, 0.5, 0.5, 0.25});
  CHECK(published("factor = 0.5\npatience = 1\ncooldown = 1", {0.5, nan, nan, nan}) ==
        Factors{1, 0.5, 0.5, 0.25});
}

TEST_CASE("monitor.plateau: small gains do not add up, unless together they exceed min_delta") {
  CHECK(published("factor = 0.5\npatience = 2\nmin_delta = 0.25",
                  {0.25, 0.375, 0.5, 0.5625, 0.5625, 0.625}) == Factors{1, 1, 0.5, 0.5, 0.5, 0.25});
}

TEST_CASE("monitor.plateau: a longer table, with everything at once") {
  // Counted: 0, 1, 0, 1, 2 and down, none, 1, 2 and down, none, 0, 1, 2 and down.
  CHECK(published("factor = 0.5\npatience = 2\ncooldown = 1",
                  {0.5, 0.25, 0.625, 0.5, 0.25, 0.125, 0.5, 0.5, nan, 0.75, 0.5, 0.5}) ==
        Factors{1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125});
  // What comes in the cooldown may be the best, so what follows has more to improve on; it counts from there.
  CHECK(published("factor = 0.5\npatience = 1\ncooldown = 1", {0.5, 0.5, 0.875, 0.75, 0.75, 0.75}) ==
        Factors{1, 0.5, 0.5, 0.25, 0.25, 0.125});
}

TEST_CASE("monitor.plateau refuses what cannot be meant") {
  CHECK_THROWS_AS(Bench("monitor.plateau", "", 1, {}, Better::unknown), Error);
  CHECK_THROWS_AS(Bench("monitor.plateau", "factor = 1.0"), Error);
  CHECK_THROWS_AS(Bench("monitor.plateau", "patience = 0"), Error);
  CHECK_THROWS_AS(Bench("monitor.plateau", "mode = \"min\""), Error);
  CHECK_THROWS_AS(Bench("monitor.plateau", "min_delta = 1.0"), Error);
  CHECK_THROWS_WITH_AS(published("", {0.5}, "loss"),
                       "there is no 'accuracy' in the metrics of epoch 1; they hold loss", Error);
}

TEST_CASE("monitor.plateau: what nothing feeds watches the mean over each epoch of what a node reports") {
  Bench bench("monitor.plateau", "monitor = \"twin.loss\"\nfactor = 0.5\npatience = 1", 1, {}, Better::lower);
  const auto factor_after = [&](const std::vector<double>& losses) {
    for (const double loss : losses) bench.hear("twin", {}, {{"loss", loss}});
    bench.finish_epoch();
    return bench.board.at("learning_rate_factor").next.value();
  };
  CHECK(factor_after({4, 2}) == 1.0);
  CHECK(factor_after({1, 3}) == 1.0);
  CHECK(factor_after({1, 3}) == 0.5);
}
