#include "twinflow/testing.h"

#include <doctest/doctest.h>

#include "framework/test_nodes.h"

using namespace test_nodes;
using twinflow::testing::Bench;

TEST_CASE("a bench makes a node from TOML, and says all that is wrong with it") {
  CHECK(Bench("test.scale", "factor = 3").apply<Number>(Number{2}).value == 6);
  CHECK_THROWS_WITH_AS(
      Bench("test.scale", "factor = 30\nfactr = 3"),
      "bench.toml:1:10: error: 'factor' is 30, out of range: -10 to 10 apples\n  factor = 30\n           ^\n"
      "bench.toml:2:1: error: node 'test.scale' has no parameter 'factr'; did you mean 'factor'?\n"
      "  factr = 3\n  ^\n",
      Error);
  try {
    Bench bench("test.scael");
    FAIL("made");
  } catch (const Error& error) {
    CHECK(std::string(error.what())
              .starts_with("there is no node type 'test.scael'; did you mean 'test.scale'?\n  note: plugins "
                           "were looked for in '"));
  }
}

TEST_CASE("a bench finds shipped plugins") { CHECK(!Bench("monitor.early_stop").info().library.empty()); }

TEST_CASE("a bench feeds several inputs, and those that need not be connected") {
  using Three = Inputs<Number, Number, std::optional<Number>>;
  Bench bench("test.subtract");
  CHECK(bench.apply<Number>(Three{{5}, {3}, Number{10}}).value == 12);
  CHECK(bench.apply<Number>(Three{{5}, {3}, std::nullopt}).value == 2);
}

TEST_CASE("a bench binds constants and asks for them") {
  Bench scale("test.scale", "factor = 2");
  scale.constant("offset", Number{0.5});
  CHECK(scale.apply<Number>(Number{1}).value == 2.5);
  CHECK(Bench("test.constant", "value = 4").constant_output<Number>("number").value == 4);
}

TEST_CASE("a bench keeps what a stateful node emits and reports") {
  Bench bench("test.sum");
  for (std::uint64_t i = 0; i < 20; ++i) bench.process(Number{1}, {.epoch = 0, .index = i, .step = i});
  bench.finish_epoch({.epoch = 0, .index = 19, .step = 19});
  const auto running = bench.outputs<Number>("running");
  REQUIRE(running.size() == 2);
  CHECK(running[1].value == 20);
  CHECK(bench.outputs<Metrics>("total").at(0).values.at("sum") == 20);
  CHECK(bench.reported.at(0).second.at("sum") == 20);
}

TEST_CASE("a bench makes the items of a source, and gives out either kind of a variant") {
  CHECK(Bench("test.count", "first = 7").make<Number>({.epoch = 0, .index = 2, .step = 2}).value == 9);
  CHECK(Bench("test.pass").apply<Word>(Word{"so"}).text == "so");
  CHECK(std::get<Word>(Bench("test.pass").apply<NumberOrWord>(NumberOrWord{Word{"so"}})).text == "so");
}

TEST_CASE("a bench refuses what does not fit its node") {
  Bench scale("test.scale");
  CHECK_THROWS_WITH_AS(scale.make<Number>({}), "test.scale is not a source", Error);
  CHECK_THROWS_WITH_AS(scale.process(Number{}), "test.scale is not a stateful node or sink", Error);
  CHECK_THROWS_WITH_AS(Bench("test.collect").apply<Number>(Number{}), "test.collect is not a map", Error);
  CHECK_THROWS_WITH_AS(scale.apply<Number>(Word{}),
                       "the input 'number' of test.scale takes number, and was given another type", Error);
  CHECK_THROWS_WITH_AS(scale.apply<Word>(Number{}), "the node gave out another type than word", Error);
  CHECK_THROWS_WITH_AS(scale.apply<Number>(Inputs<Number, Number>{}),
                       "test.scale has 1 stream input, and was given 2", Error);
  CHECK_THROWS_WITH_AS(scale.constant("offset", Word{}),
                       "the input 'offset' of test.scale takes number, and was given another type", Error);
  CHECK_THROWS_WITH_AS(scale.constant("ofset", Number{}), "test.scale has no constant input 'ofset'", Error);
  Bench subtract("test.subtract");
  CHECK_THROWS_WITH_AS(subtract.apply<Number>(Number{}), "test.subtract has 3 stream inputs, and was given 1",
                       Error);
  CHECK_THROWS_WITH_AS(
      (subtract.apply<Number>(Inputs<Number, std::optional<Number>, std::optional<Number>>{})),
      "the input 'right' of test.subtract takes number, and was given nothing", Error);
}
