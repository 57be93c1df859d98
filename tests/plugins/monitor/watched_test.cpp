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

TEST_CASE("the mean over an epoch is of that node's metric, and is saved") {
  EpochMean mean;
  CHECK_FALSE(mean.take().has_value());
  mean.hear("twin.loss", "twin", {{"loss", 1}, {"other", 7}});
  mean.hear("twin.loss", "twi", {{"loss", 9}, {"n.loss", 9}});
  mean.hear("twin.loss", "twin", {{"other", 7}});
  State state;
  mean.save(state);
  EpochMean next;
  next.restore(state);
  for (EpochMean* one : {&mean, &next}) {
    one->hear("twin.loss", "twin", {{"loss", 2}});
    CHECK(one->take() == 1.5);
    CHECK_FALSE(one->take().has_value());
  }
  next.restore({});  // of a version that had none
  CHECK_FALSE(next.take().has_value());
}
