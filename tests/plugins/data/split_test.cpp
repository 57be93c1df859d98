#include "plugins/data/split.h"

#include <doctest/doctest.h>

#include "fake_omniglot.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

Dataset three_groups() {
  Dataset data;
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  store->pixels = {0, 1, 2, 3, 4};
  data.store = store;
  data.group_word = "alphabet";
  data.groups = {"Armenian", "Greek", "Latin"};
  data.classes = {{"a", 0, {0}}, {"b", 1, {1, 2}}, {"c", 2, {3}}, {"d", 1, {4}}};
  data.drawers = {7, 8, 9, 7, 8};
  return data;
}

}  // namespace

TEST_CASE("a part holds its groups' classes, renumbered, and shares the pixels") {
  const Dataset whole = three_groups();
  const Dataset part = part_of(whole, {1, 2}, "some letters");
  CHECK(part.store == whole.store);
  CHECK(part.drawers == whole.drawers);
  CHECK(part.group_word == "alphabet");
  CHECK(part.groups == std::vector<std::string>{"Greek", "Latin"});
  REQUIRE(part.classes.size() == 3);
  CHECK(part.classes[0].name == "b");
  CHECK(part.classes[0].group == 0);
  CHECK(part.classes[0].images == std::vector<std::size_t>{1, 2});
  CHECK(part.classes[1].name == "c");
  CHECK(part.classes[1].group == 1);
  CHECK(part.classes[2].name == "d");
  CHECK(part.classes[2].group == 0);
  CHECK(part.description == "some letters: 2 alphabets, 3 classes, 4 images");
  CHECK(part_of(whole, {0}, "one").description == "one: 1 alphabet, 1 classes, 1 images");
}

TEST_CASE("the other groups") {
  CHECK(others(4, {1, 3}) == std::vector<std::size_t>{0, 2});
  CHECK(others(2, {}) == std::vector<std::size_t>{0, 1});
}

TEST_CASE("groups by name, in order, each once; an unknown one is an error with a suggestion") {
  const Dataset whole = three_groups();
  CHECK(groups_named(whole, {"Latin", "Armenian", "Latin"}) == std::vector<std::size_t>{0, 2});
  CHECK(fake::error_of([&] { groups_named(whole, {"Latn"}); }) ==
        "there is no alphabet 'Latn'; did you mean 'Latin'?");
}
