#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "twinflow/metrics.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

struct Stopped {
  int epoch;  // from 0, of the value that ended the run; -1 when none did
  std::string reason;
};

/// One value an epoch, until the run stops.
Stopped stopped(const std::string& toml, const std::vector<double>& values,
                const std::string& metric = "accuracy") {
  Bench bench("monitor.early_stop", toml, 1, {}, metric == "loss" ? Better::lower : Better::higher);
  for (std::size_t epoch = 0; epoch < values.size(); ++epoch) {
    Metrics metrics;
    metrics.epoch = epoch;
    metrics.values = {{metric, values[epoch]}};
    bench.process(metrics);
    if (!bench.stopped.empty()) return {static_cast<int>(epoch), bench.stopped};
  }
  return {-1, ""};
}

}  // namespace

TEST_CASE("monitor.early_stop: after `patience` evaluations in a row without improvement") {
  CHECK(stopped("patience = 3", {0.5, 0.625, 0.25, 0.5, 0.625}).epoch == 4);  // a tie is no improvement
  CHECK(stopped("patience = 3", {0.5, 0.625, 0.25, 0.5, 0.75, 0.25, 0.25}).epoch == -1);
  CHECK(stopped("patience = 3", {0.5, 0.625, 0.25, 0.5, 0.75, 0.25, 0.25, 0.5}).epoch == 7);
  CHECK(stopped("patience = 1", {0.5, 0.5}).epoch == 1);
  CHECK(stopped("", std::vector<double>(10, 0.5)).epoch == -1);  // ten by default
  CHECK(stopped("", std::vector<double>(11, 0.5)).epoch == 10);
}

TEST_CASE("monitor.early_stop goes on where it was saved") {
  const double accuracies[] = {0.5, 0.25, 0.625, 0.5, 0.25, 0.125};
  for (std::size_t cut = 0; cut <= 5; ++cut) {
    CAPTURE(cut);
    Bench first("monitor.early_stop", "patience = 3"), second("monitor.early_stop", "patience = 3");
    const auto see = [&](Bench& bench, std::size_t epoch) {
      Metrics metrics;
      metrics.epoch = epoch;
      metrics.values = {{"accuracy", accuracies[epoch]}};
      bench.process(metrics);
    };
    for (std::size_t epoch = 0; epoch < cut; ++epoch) see(first, epoch);
    CHECK(first.stopped.empty());
    second.restore(first.save());
    for (std::size_t epoch = cut; epoch < 6; ++epoch) {
      CHECK(second.stopped.empty());
      see(second, epoch);
    }
    CHECK(second.stopped == "accuracy has not improved on 62.50 % for 3 evaluations");
  }
}

TEST_CASE("monitor.early_stop: nothing says which way is better") {
  CHECK_THROWS_AS(Bench("monitor.early_stop", "", 1, {}, Better::unknown), Error);
  Bench bench("monitor.early_stop", "mode = \"min\"", 1, {}, Better::unknown);
}

TEST_CASE("monitor.early_stop gives its reason") {
  CHECK(stopped("patience = 2", {0.831, 0.5, 0.75}).reason ==
        "accuracy has not improved on 83.10 % for 2 evaluations");
  CHECK(stopped("patience = 1\nmonitor = \"loss\"", {0.25, 0.5}, "loss").reason ==
        "loss has not improved on 0.25 for 1 evaluation");
}

TEST_CASE("monitor.early_stop: a loss is to fall; mode says otherwise") {
  CHECK(stopped("patience = 2\nmonitor = \"loss\"", {3, 2, 1, 0.5}, "loss").epoch == -1);
  CHECK(stopped("patience = 2\nmonitor = \"loss\"", {1, 2, 3}, "loss").epoch == 2);
  CHECK(stopped("patience = 2\nmonitor = \"loss\"\nmode = \"max\"", {1, 2, 3}, "loss").epoch == -1);
  CHECK(stopped("patience = 2\nmode = \"min\"", {0.75, 0.5, 0.25}).epoch == -1);
}

TEST_CASE("monitor.early_stop: gains up to min_delta are none") {
  CHECK(stopped("patience = 2\nmin_delta = 0.25", {0.25, 0.375, 0.5}).epoch == 2);
  CHECK(stopped("patience = 2\nmin_delta = 0.25", {0.25, 0.375, 0.625, 0.75}).epoch == -1);
}

TEST_CASE("monitor.early_stop: epochs before start_epoch neither wait nor set the best") {
  // Epochs 0 .. 2 are passed over, though 0.9 is never reached again; 3 sets the best; 4 and 5 wait.
  CHECK(stopped("patience = 2\nstart_epoch = 3", {0.9, 0.1, 0.1, 0.5, 0.5, 0.25}).epoch == 5);
  CHECK(stopped("patience = 2\nstart_epoch = 3", {0.9, 0.1, 0.1, 0.5, 0.625, 0.75}).epoch == -1);
}

TEST_CASE("monitor.early_stop: reaching the threshold ends the run, in any epoch") {
  const Stopped up = stopped("threshold = [0.75]\nstart_epoch = 9", {0.5, 0.625, 0.75, 0.875});
  CHECK(up.epoch == 2);
  CHECK(up.reason == "accuracy has reached 75.00 % with 75.00 %");
  const Stopped down = stopped("threshold = [0.1]\nmonitor = \"loss\"", {0.5, 0.2, 0.05}, "loss");
  CHECK(down.epoch == 2);
  CHECK(down.reason == "loss has reached 0.1 with 0.05");
  CHECK(stopped("threshold = [0.75]", {0.5, 0.625}).epoch == -1);
  CHECK(stopped("threshold = []", {0.5, 0.625}).epoch == -1);
}

TEST_CASE("monitor.early_stop: a value that is not finite ends the run at once, in any epoch") {
  CHECK(stopped("start_epoch = 9", {0.5, nan}).epoch == 1);
  CHECK(stopped("", {0.5, nan}).reason == "accuracy is not a finite number (nan)");
  CHECK(stopped("threshold = [0.75]", {0.5, inf}).reason == "accuracy is not a finite number (inf)");
  CHECK(stopped("", {-inf}).reason == "accuracy is not a finite number (-inf)");
}

TEST_CASE("monitor.early_stop refuses what cannot be meant") {
  const auto refusal = [](const std::string& toml) {
    try {
      Bench bench("monitor.early_stop", toml);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal("threshold = [0.1, 0.2]").find("takes one value, as in [0.95], or none") !=
        std::string::npos);
  CHECK(refusal("patience = 0").find("'patience' is 0, out of range: at least 1") != std::string::npos);
  CHECK(refusal("min_delta = -0.1").find("'min_delta' is -0.1, out of range: at least 0") !=
        std::string::npos);
  CHECK(refusal("mode = \"low\"").find("expected \"auto\" or \"max\" or \"min\"") != std::string::npos);
  CHECK_THROWS_WITH_AS(stopped("", {0.5}, "loss"),
                       "there is no 'accuracy' in the metrics of epoch 1; they hold loss", Error);
}
