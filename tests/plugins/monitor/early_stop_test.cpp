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
constexpr double inf = std::numeric_limits<double>::infinity();

struct Stopped {
  int epoch;  // from 0, of the value that ended the run; -1 when none did
  std::string reason;
};

constexpr std::size_t never = 1000;

Better better_of(const std::string& metric) {
  return metric == "loss" ? Better::lower : metric == "figure" ? Better::unknown : Better::higher;
}

/// One value an epoch, until the run stops; before epoch `cut` it is saved, and another goes on.
Stopped stopped_once(const std::string& toml, const std::vector<double>& values, const std::string& metric,
                     std::size_t cut) {
  const auto made = [&] {
    return std::make_unique<Bench>("monitor.early_stop", toml, 1, std::vector<FedInput>(), better_of(metric));
  };
  auto bench = made();
  for (std::size_t epoch = 0; epoch < values.size(); ++epoch) {
    if (epoch == cut) {
      auto next = made();
      bench->open();
      next->restore(bench->save());
      bench = std::move(next);
    }
    Metrics metrics;
    metrics.epoch = epoch;
    metrics.values = {{metric, values[epoch]}};
    bench->process(metrics);
    if (!bench->stopped.empty()) return {static_cast<int>(epoch), bench->stopped};
  }
  return {-1, ""};
}

/// The same outcome has to come wherever the run is resumed.
Stopped stopped(const std::string& toml, const std::vector<double>& values,
                const std::string& metric = "accuracy") {
  const Stopped whole = stopped_once(toml, values, metric, never);
  for (std::size_t cut = 0; cut < values.size(); ++cut) {
    CAPTURE(cut);
    const Stopped resumed = stopped_once(toml, values, metric, cut);
    CHECK(resumed.epoch == whole.epoch);
    CHECK(resumed.reason == whole.reason);
  }
  return whole;
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

TEST_CASE("monitor.early_stop: a loss is to fall; of a metric that nobody knows, mode says it") {
  CHECK(stopped("patience = 2\nmonitor = \"loss\"", {3, 2, 1, 0.5}, "loss").epoch == -1);
  CHECK(stopped("patience = 2\nmonitor = \"loss\"", {1, 2, 3}, "loss").epoch == 2);
  const std::string figure = "patience = 2\nmonitor = \"figure\"\n";
  CHECK(stopped(figure + "mode = \"max\"", {1, 2, 3}, "figure").epoch == -1);
  CHECK(stopped(figure + "mode = \"min\"", {0.75, 0.5, 0.25}, "figure").epoch == -1);
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
  const Stopped up = stopped("threshold = 0.75\nstart_epoch = 9", {0.5, 0.625, 0.75, 0.875});
  CHECK(up.epoch == 2);
  CHECK(up.reason == "accuracy has reached 75.00 % with 75.00 %");
  const Stopped down = stopped("threshold = 0.1\nmonitor = \"loss\"", {0.5, 0.2, 0.05}, "loss");
  CHECK(down.epoch == 2);
  CHECK(down.reason == "loss has reached 0.1 with 0.05");
  CHECK(stopped("threshold = 0.75", {0.5, 0.625}).epoch == -1);
}

TEST_CASE("monitor.early_stop: the baseline has to be improved on, from the beginning") {
  CHECK(stopped("baseline = 0.75\npatience = 2", {0.5, 0.625}).epoch == 1);
  CHECK(stopped("baseline = 0.75\npatience = 2", {0.5, 0.625}).reason ==
        "accuracy has not improved on 75.00 % for 2 evaluations");
  CHECK(stopped("baseline = 0.75\npatience = 2", {0.75, 0.75}).epoch == 1);  // a tie with it is none
  CHECK(stopped("baseline = 0.75\npatience = 2", {0.5, 0.875, 0.5, 0.875}).epoch == 3);
  CHECK(stopped("baseline = 0.5\nmin_delta = 0.25\npatience = 2", {0.75, 0.78125, 0.875}).epoch == -1);
  CHECK(stopped("baseline = 0.5\nmin_delta = 0.25\npatience = 2", {0.75, 0.625}).epoch == 1);
  CHECK(stopped("baseline = 0.5\npatience = 2\nmonitor = \"loss\"", {0.5, 0.25, 1, 0.25}, "loss").epoch == 3);
  // Epochs before start_epoch do not wait for it either.
  CHECK(stopped("baseline = 0.75\npatience = 2\nstart_epoch = 2", {0.5, 0.5, 0.5, 0.5}).epoch == 3);
}

TEST_CASE("monitor.early_stop: a value worse than `diverged` ends the run at once, in any epoch") {
  const Stopped up = stopped("diverged = 4.0\nmonitor = \"loss\"\nstart_epoch = 9", {3, 4, 4.5}, "loss");
  CHECK(up.epoch == 2);
  CHECK(up.reason == "loss has diverged: 4.5 is worse than 4");
  const Stopped down = stopped("diverged = 0.125", {0.125, 0.5, 0.0625, 0.5});
  CHECK(down.epoch == 2);
  CHECK(down.reason == "accuracy has diverged: 6.25 % is worse than 12.50 %");
  // An infinite loss is worse than any, even before start_epoch.
  CHECK(stopped("diverged = 4.0\nmonitor = \"loss\"\nstart_epoch = 9", {3, inf}, "loss").reason ==
        "loss has diverged: inf is worse than 4");
  CHECK(stopped("diverged = 4.0\nmonitor = \"loss\"", {3, nan}, "loss").reason ==
        "loss is not a finite number (nan)");
}

TEST_CASE("monitor.early_stop: a value that is not finite ends the run at once, from start_epoch on") {
  CHECK(stopped("", {0.5, nan}).epoch == 1);
  CHECK(stopped("", {0.5, nan}).reason == "accuracy is not a finite number (nan)");
  CHECK(stopped("threshold = 0.75", {0.5, inf}).reason == "accuracy is not a finite number (inf)");
  CHECK(stopped("", {-inf}).reason == "accuracy is not a finite number (-inf)");
  // A network that has collapsed in its first epochs may yet learn; where it stays so, it is given up.
  CHECK(stopped("start_epoch = 2\npatience = 2", {nan, nan, 0.5, 0.625, 0.75}).epoch == -1);
  CHECK(stopped("start_epoch = 2", {nan, nan, nan}).epoch == 2);
  CHECK(stopped("start_epoch = 2\nthreshold = 0.75", {inf, nan, nan}).epoch == 2);
}

TEST_CASE("monitor.early_stop refuses what cannot be meant") {
  const auto refusal = [](const std::string& toml, Better better = Better::higher) {
    try {
      Bench bench("monitor.early_stop", toml, 1, {}, better);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refusal("threshold = [0.1]").find("expected a number, found a list") != std::string::npos);
  CHECK(refusal("threshold = 0.5\ndiverged = 0.5")
            .find("0.5 is not worse than the threshold, 0.5: every run would end at once") !=
        std::string::npos);
  CHECK(refusal("threshold = 0.5\ndiverged = 0.75\nmode = \"min\"", Better::unknown).empty());
  CHECK(refusal("mode = \"min\"").find("'accuracy' is better when it is higher: leave mode out") !=
        std::string::npos);
  CHECK(refusal("mode = \"max\"", Better::lower).find("'accuracy' is better when it is lower") !=
        std::string::npos);
  CHECK(refusal("mode = \"max\"").empty());
  CHECK(refusal("min_delta = 1.0")
            .find("'accuracy' goes from 0 to 1, so that no gain exceeds 1: 1 % is 0.01") !=
        std::string::npos);
  CHECK(refusal("monitor = \"auc\"\nmin_delta = 2.5").find("2.5: 2.5 % is 0.025") != std::string::npos);
  CHECK(refusal("min_delta = 0.5").empty());
  CHECK(refusal("monitor = \"loss\"\nmin_delta = 5", Better::lower).empty());
  CHECK(refusal("threshold = 90").find("'accuracy' goes from 0 to 1, and is never 90: 90 % is 0.9") !=
        std::string::npos);
  CHECK(refusal("patience = 0").find("'patience' is 0, out of range: at least 1") != std::string::npos);
  CHECK(refusal("min_delta = -0.1").find("'min_delta' is -0.1, out of range: at least 0") !=
        std::string::npos);
  CHECK(refusal("mode = \"low\"").find("expected \"auto\" or \"max\" or \"min\"") != std::string::npos);
  CHECK_THROWS_WITH_AS(stopped("", {0.5}, "loss"),
                       "there is no 'accuracy' in the metrics of epoch 1; they hold loss", Error);
}

TEST_CASE("monitor.early_stop: what nothing feeds watches the mean over each epoch of what a node reports") {
  const auto made = [] {
    return std::make_unique<Bench>("monitor.early_stop", "monitor = \"twin.loss\"\npatience = 2", 1,
                                   std::vector<FedInput>(), Better::lower);
  };
  const std::vector<std::vector<double>> losses = {{4, 2}, {5, 1}, {0.5, 6}, {2, 1}, {1, 9}, {3}, {2}};
  const auto run = [&](std::size_t cut) {  // the report before which it is saved, and another goes on
    auto bench = made();
    std::size_t reports = 0;
    for (std::size_t epoch = 0; epoch < losses.size(); ++epoch) {
      for (const double loss : losses[epoch]) {
        if (reports++ == cut) {
          auto next = made();
          bench->open();
          next->restore(bench->save());
          bench = std::move(next);
        }
        bench->hear("twin", {epoch, 0, 0}, {{"loss", loss}, {"learning_rate", 0.1}});
        bench->hear("twin_two", {epoch, 0, 0}, {{"loss", -100}});
        bench->hear("one_shot", {epoch, 0, 0}, {{"loss", -100}});
      }
      bench->finish_epoch({epoch, 0, 0});
      if (!bench->stopped.empty()) return bench->stopped + ", in epoch " + std::to_string(epoch);
    }
    return std::string();
  };
  // Means of 3, 3, 3.25: two without improvement.
  CHECK(run(never) == "twin.loss has not improved on 3 for 2 evaluations, in epoch 2");
  for (std::size_t cut = 0; cut < 6; ++cut) CHECK(run(cut) == run(never));
}

TEST_CASE("monitor.early_stop: an epoch in which nothing was reported does not count") {
  Bench bench("monitor.early_stop", "monitor = \"twin.loss\"\npatience = 1", 1, {}, Better::lower);
  bench.hear("twin", {}, {{"loss", 1}});
  for (int epoch = 0; epoch < 5; ++epoch) bench.finish_epoch();
  CHECK(bench.stopped.empty());
  bench.hear("twin", {}, {{"loss", nan}});
  bench.finish_epoch();
  CHECK(bench.stopped == "twin.loss is not a finite number (nan)");
}
