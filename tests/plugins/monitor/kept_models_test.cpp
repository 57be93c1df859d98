#include "plugins/monitor/kept_models.h"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

using namespace twinflow::monitor;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// Measured after that many epochs of 10 steps.
Measured model(std::uint64_t epochs, std::vector<double> values) {
  return {epochs - 1, epochs * 10, std::move(values), {"first", "second"}, {"20-way", "5-way"}};
}
using Steps = std::set<std::uint64_t>;

}  // namespace

TEST_CASE("kept models: of two metrics, one to be low, each its own best; and the last, and every third") {
  KeptModels kept({{false, true}, 0, 1, true, 3});
  CHECK(kept.take(model(1, {0.5, 2})));
  CHECK(kept.take(model(2, {0.25, 1})));
  CHECK(kept.steps() == Steps{10, 20});
  CHECK(kept.take(model(3, {none, none})));
  CHECK(kept.take(model(4, {0.125, 3})));
  CHECK(kept.steps() == Steps{10, 20, 30, 40});
  CHECK(kept.best(0)->step == 10);
  CHECK(kept.best(1)->step == 20);
  CHECK(kept.last()->step == 40);
  CHECK(kept.for_good().at(2) == 30);
  CHECK_FALSE(kept.take(model(4, {0.125, 3})));  // it is there
  CHECK(kept.would_lead(model(5, {0.75, 1}), 0));
  CHECK_FALSE(kept.would_lead(model(5, {0.75, 1}), 1));
  CHECK_FALSE(kept.would_lead(model(5, {none, none}), 0));

  kept.forget(10);
  CHECK(kept.best(0) == nullptr);
  CHECK(kept.would_lead(model(5, {0.0, 1}), 0));
  kept.forget(40);
  CHECK(kept.last() == nullptr);
  kept.forget(30);
  CHECK(kept.steps() == Steps{20});
}

TEST_CASE("kept models: measured again, no update between, a ranked one keeps its values, another does not") {
  const auto again = [](std::uint64_t epochs, double value) {
    return Measured{epochs - 1, 10, {value}, {"first"}, {""}};
  };
  KeptModels kept({{false}, 0, 1, true, 2});
  CHECK(kept.take(again(1, none)));  // as the last only
  CHECK(kept.last()->epoch == 0);
  CHECK_FALSE(kept.ranks(10));
  CHECK(kept.take(again(2, 0.5)));
  CHECK(kept.ranks(10));
  CHECK(kept.last()->epoch == 1);
  CHECK_FALSE(kept.take(again(3, 0.75)));
  CHECK(kept.take(again(4, 0.25)));  // for good, of this epoch too
  CHECK(kept.for_good() == std::map<std::uint64_t, std::uint64_t>{{1, 10}, {3, 10}});
  CHECK(kept.best(0)->values == std::vector<double>{0.5});
  CHECK(kept.steps() == Steps{10});
}

TEST_CASE("kept models: as JSON and back they are the same, to the last bit") {
  const KeptModels::Rules rules{{false, true}, 0, 2, true, 2};
  KeptModels kept(rules);
  for (std::uint64_t i = 1; i <= 5; ++i)
    kept.take(model(i, {1.0 / static_cast<double>(3 * i), i == 2 ? none : 0.1 * static_cast<double>(i)}));
  const std::string text = kept.to_json().dump();
  KeptModels back(rules);
  back.restore(nlohmann::json::parse(text));
  CHECK(back.to_json().dump() == text);
  CHECK(back.steps() == kept.steps());
  CHECK(back.best(0)->values == kept.best(0)->values);
  CHECK(back.best(0)->texts == std::vector<std::string>{"first", "second"});
  CHECK(back.best(0)->protocols == std::vector<std::string>{"20-way", "5-way"});
  for (KeptModels* one : {&kept, &back}) one->take(model(6, {0.2, 0.05}));
  CHECK(back.to_json() == kept.to_json());

  // With other rules there is less.
  KeptModels less({{false, true}, 0, 1, false, 0});
  less.restore(nlohmann::json::parse(text));
  CHECK(less.last() == nullptr);
  CHECK(less.steps() == Steps{10, 20, 40});  // what was kept for good still is
}

TEST_CASE("kept models: models that are kept for good make a state no longer while their steps are regular") {
  const KeptModels::Rules rules{{false}, 0, 1, false, 1};
  KeptModels kept(rules), back(rules);
  const auto length = [&] { return kept.to_json().dump().size(); };
  for (std::uint64_t epochs = 1; epochs <= 100; ++epochs) kept.take(model(epochs, {-1.0 * epochs}));
  const std::size_t after_100 = length();
  for (std::uint64_t epochs = 101; epochs <= 5000; ++epochs) kept.take(model(epochs, {-1.0 * epochs}));
  CHECK(length() <= after_100 + 2);  // the number has more digits
  kept.forget(30);                   // one that is not there any more, and one measured at another step
  kept.take({5000, 50003, {-9}, {""}, {""}});
  CHECK(length() < after_100 + 60);
  back.restore(kept.to_json());
  CHECK(back.for_good() == kept.for_good());
  CHECK(back.for_good().size() == 5000);
  CHECK(back.to_json() == kept.to_json());
}

TEST_CASE("kept models: a state of an older version has an entry for each model kept for good") {
  KeptModels kept({{false}, 0, 1, false, 1});
  kept.restore({{"best", {nlohmann::json::array()}},
                {"last", nullptr},
                {"for_good", {{0, 10}, {1, 20}, {4, 45}}},
                {"models", nlohmann::json::array()}});
  CHECK(kept.for_good() == std::map<std::uint64_t, std::uint64_t>{{0, 10}, {1, 20}, {4, 45}});
}
