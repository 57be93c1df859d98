#include "plugins/monitor/watched.h"

#include <doctest/doctest.h>

#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::monitor;

TEST_CASE("watched: the value of that name") {
  Metrics metrics;
  metrics.values = {{"accuracy", 0.5}, {"loss", 2}};
  CHECK(watched(metrics, "loss") == 2);
  metrics.node = "one_shot";
  CHECK(watched(metrics, "one_shot.loss") == 2);
  metrics.epoch = 3;
  CHECK_THROWS_WITH_AS(watched(metrics, "los"),
                       "there is no 'los' in the metrics of epoch 4; they hold accuracy, loss", Error);
  metrics.values.clear();
  CHECK_THROWS_WITH_AS(watched(metrics, "loss"),
                       "there is no 'loss' in the metrics of epoch 4; they hold nothing", Error);
}
