#include "trace.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace twinflow;

TEST_CASE("a trace keeps so many events, the first ones, and counts the others") {
  Trace trace(3);
  const auto now = Trace::Clock::now();
  const std::string node = "node";
  trace.count(1);
  trace.body(node, {.epoch = 0, .index = 0, .step = 0}, now, now);
  CHECK(trace.left_out() == 0);
  trace.slice("inside", now, now);
  trace.count(2);
  trace.body(node, {.epoch = 0, .index = 1, .step = 1}, now, now);
  CHECK(trace.left_out() == 2);
  const auto events = nlohmann::json::parse(trace.json());
  REQUIRE(events.size() == 3);
  CHECK(events[0]["args"]["items"] == 1);
  CHECK(events[1]["name"] == "node");
  CHECK(events[2]["name"] == "inside");
}
