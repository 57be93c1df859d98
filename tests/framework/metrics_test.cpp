#include "twinflow/metrics.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace twinflow;

TEST_CASE("accuracies are shown in percent, with their interval where it was measured") {
  CHECK(value_text("accuracy", 0.831) == "83.10 %");
  CHECK(value_text("verification_accuracy", 1) == "100.00 %");
  const Numbers all{{"accuracy", 0.831}, {"accuracy_low", 0.8062}, {"accuracy_high", 0.8531}};
  CHECK(value_text("accuracy", 0.831, all) == "83.10 % (80.6-85.3)");
  CHECK(value_text("loss", 0.04213, all) == "0.04213");
  CHECK(value_text("auc", 1.0 / 3) == "0.333333");
  CHECK(value_text("auc", 0.5, {{"auc_low", 0.25}, {"auc_high", 0.75}}) == "0.5 (0.25-0.75)");
}

TEST_CASE("what is no number is said in words") {
  const Numbers collapsed{{"accuracy", NAN}, {"accuracy_low", NAN}, {"accuracy_high", NAN}, {"collapsed", 1}};
  CHECK(value_text("accuracy", NAN, collapsed) == "collapsed");
  CHECK(value_text("accuracy", NAN, {{"collapsed", 0}}) == "not a number");
  CHECK(value_text("loss", NAN) == "not a number");
  CHECK(value_text("accuracy", 0.5, collapsed) == "50.00 %");  // a mean with one before
}
