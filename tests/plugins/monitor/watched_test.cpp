#include "plugins/monitor/watched.h"

#include <doctest/doctest.h>

#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::monitor;

TEST_CASE("watched: the value of that name") {
  Metrics metrics;
  metrics.values = {{"accuracy", 0.5}, {"loss", 2}};
  CHECK(watched(metrics, "loss") == 2);
  metrics.epoch = 3;
  CHECK_THROWS_WITH_AS(watched(metrics, "los"),
                       "there is no 'los' in the metrics of epoch 4; they hold accuracy, loss", Error);
  metrics.values.clear();
  CHECK_THROWS_WITH_AS(watched(metrics, "loss"),
                       "there is no 'loss' in the metrics of epoch 4; they hold nothing", Error);
}

TEST_CASE("shown: accuracies in percent, the rest as they are") {
  CHECK(shown("accuracy", 0.831) == "83.10 %");
  CHECK(shown("verification_accuracy", 1) == "100.00 %");
  CHECK(shown("loss", 0.04213) == "0.04213");
  CHECK(shown("auc", 1.0 / 3) == "0.333333");
}
