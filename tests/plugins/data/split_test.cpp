#include "plugins/data/split.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "fake_omniglot.h"
#include "graph_file.h"

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

namespace {

/// Groups of two classes, each of which has an image by each of three makers.
Dataset many(std::size_t groups) {
  Dataset data;
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  data.group_word = "alphabet";
  for (std::size_t group = 0; group < groups; ++group) {
    data.groups.push_back(fmt::format("alphabet{}", group));
    for (const char* name : {"a", "b"}) {
      Dataset::Class one{name, group, {}};
      for (std::int32_t maker = 0; maker < 3; ++maker) {
        one.images.push_back(data.drawers.size());
        data.drawers.push_back(maker);
      }
      data.classes.push_back(std::move(one));
    }
  }
  store->pixels.resize(data.drawers.size());
  data.store = store;
  return data;
}

const std::vector<std::string> makers = {"ann", "bob", "eve"};
constexpr Part parts[] = {Part::train, Part::validation, Part::test};

std::string unit(const Dataset& data, const Dataset::Class& one, std::size_t image, Split::By by) {
  return by == Split::By::groups    ? data.groups[one.group]
         : by == Split::By::classes ? data.groups[one.group] + "/" + one.name
                                    : std::to_string(data.drawers[image]);
}

std::string said(const Split& split, Part part, const Dataset& whole = many(3)) {
  return fake::error_of([&] { split_part(whole, split, part, "letters", makers); });
}

/// What the parameter's check says.
std::string checked(const std::string& toml) {
  Problems problems;
  Split split;
  const Value table = parse_toml(toml, "split.toml", "", problems);
  read_table(table_info<Split>(), &split, table, problems);
  return problems.empty() ? "" : problems.list()[0].message;
}

}  // namespace

TEST_CASE("whatever the seed, each class, group or maker is in one part, and none is lost") {
  const Dataset whole = many(10);
  for (const auto by : {Split::By::classes, Split::By::groups, Split::By::makers}) {
    std::set<std::set<std::string>> chosen;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      const Split split{.by = by, .validation = 0.3, .test = 0.3, .seed = seed};
      std::set<std::string> seen[3];
      std::set<std::size_t> images;
      for (const Part part : parts) {
        const Dataset data = split_part(whole, split, part, "letters", makers);
        CHECK(data.store == whole.store);
        for (const Dataset::Class& one : data.classes) {
          CHECK(!one.images.empty());
          for (const std::size_t image : one.images) {
            CHECK(images.insert(image).second);
            seen[static_cast<int>(part)].insert(unit(data, one, image, by));
          }
        }
      }
      CHECK(images.size() == whole.image_count());
      const std::size_t units = by == Split::By::classes ? 20 : by == Split::By::groups ? 10 : 3;
      CHECK(seen[0].size() + seen[1].size() + seen[2].size() == units);  // so no two share one
      CHECK(seen[1].size() == std::lround(0.3 * static_cast<double>(units)));
      CHECK(seen[2].size() == seen[1].size());
      chosen.insert(seen[2]);
    }
    CHECK(chosen.size() >= (by == Split::By::makers ? 3 : 30));
  }
}

TEST_CASE("a choice depends on its seed alone, and what test holds not on validation") {
  const Dataset whole = many(10);
  Split split{.by = Split::By::groups, .validation = 0.3, .test = 0.2, .seed = 5};
  const auto groups = [&](Part part) { return split_part(whole, split, part, "", makers).groups; };
  const auto test = groups(Part::test);
  CHECK(test == groups(Part::test));
  split.validation = 0.7;
  CHECK(test == groups(Part::test));
  split.validation = 0;
  for (const std::string& name : whole.groups) {  // of the named ones only those that test would hold matter
    if (std::find(test.begin(), test.end(), name) != test.end()) continue;
    split.validation_names = {name};
    CHECK(test == groups(Part::test));
  }
}

TEST_CASE("by makers a class keeps, in each part, the images of that part's makers") {
  Dataset whole = many(2);
  whole.classes[3].images = {whole.classes[3].images[0], whole.classes[3].images[1]};  // none by eve
  whole.classes[2].images = {whole.classes[2].images[0]};
  const Split split{.by = Split::By::makers, .test_names = {"eve"}};
  const Dataset test = split_part(whole, split, Part::test, "letters", makers);
  CHECK(test.description == "letters, for testing (maker eve): 1 alphabet, 2 classes, 2 images");
  CHECK(test.groups == std::vector<std::string>{"alphabet0"});  // no class of alphabet1 is left
  const Dataset train = split_part(whole, split, Part::train, "letters", makers);
  CHECK(train.description == "letters, for training (makers ann, bob): 2 alphabets, 4 classes, 7 images");
  // makers without names are numbers
  CHECK(split_part(whole, {.by = Split::By::makers, .test_names = {"2"}}, Part::test, "x").image_count() ==
        2);
}

TEST_CASE("by name, or a fraction of those that are not named") {
  const Dataset whole = many(4);
  Split split{.by = Split::By::groups, .validation = 0.25, .test_names = {"alphabet2", "alphabet0"}};
  CHECK(split_part(whole, split, Part::test, "letters").description ==
        "letters, for testing (alphabets alphabet0, alphabet2): 2 alphabets, 4 classes, 12 images");
  CHECK(split_part(whole, split, Part::validation, "letters").groups.size() == 1);
  CHECK(split_part(whole, split, Part::train, "letters").groups.size() == 1);
  split = {.by = Split::By::classes, .validation_names = {"alphabet1/b"}};
  CHECK(split_part(whole, split, Part::validation, "letters").description ==
        "letters, for validation (class alphabet1/b): 1 alphabet, 1 classes, 3 images");
  CHECK(split_part(whole, split, Part::train, "letters").description ==
        "letters, for training: 4 alphabets, 7 classes, 21 images");
  split = {.by = Split::By::classes, .validation_names = {"b"}};  // of one group there is no need to name it
  CHECK(split_part(many(1), split, Part::validation, "letters").classes[0].name == "b");
}

TEST_CASE("a part that is asked for and empty is an error, and so are unknown names") {
  using By = Split::By;
  CHECK(said({}, Part::test) == "the output 'test' is empty: set split.test or split.test_names");
  CHECK(said({}, Part::validation) ==
        "the output 'validation' is empty: set split.validation or split.validation_names");
  CHECK(said({}, Part::train) == "");
  CHECK(said({.by = By::groups, .test = 0.1}, Part::test) ==
        "the output 'test' is empty: 0.1 of 3 alphabets is none");
  CHECK(said({.by = By::groups, .validation = 0.1}, Part::validation, many(1)) ==
        "the output 'validation' is empty: 0.1 of 1 alphabet is none");
  CHECK(said({.by = By::makers, .validation = 0.5, .test = 0.5}, Part::train) ==
        "holding out all 3 makers leaves none to train on");
  CHECK(said({.by = By::groups, .test_names = {"alphbet1"}}, Part::train) ==
        "there is no alphabet 'alphbet1'; did you mean 'alphabet1'?");
  CHECK(said({.by = By::classes, .test_names = {"alphabet1/c"}}, Part::train)
            .starts_with("there is no class 'alphabet1/c'; did you mean 'alphabet"));
  CHECK(said({.by = By::makers, .test_names = {"ana"}}, Part::train) ==
        "there is no maker 'ana'; did you mean 'ann'?");
  Dataset nobodys = many(3);
  nobodys.drawers.clear();
  CHECK(said({.by = By::makers, .test = 0.5}, Part::test, nobodys) ==
        "a split by maker needs to know who made each image, and nobody does here");
}

TEST_CASE("what cannot be meant is refused by the check") {
  CHECK(checked("by = 'maker'\nvalidation = 0.5\ntest = 0.5\nseed = 3") == "");
  CHECK(checked("validation = 0.6\ntest = 0.5") == "validation and test together would hold 1.1 of all");
  CHECK(checked("validation = 0.6\nvalidation_names = ['a']") ==
        "give either validation or validation_names, not both");
  CHECK(checked("test = 0.6\ntest_names = ['a']") == "give either test or test_names, not both");
  CHECK(checked("validation_names = ['a', 'b']\ntest_names = ['b']") ==
        "'b' is in both validation_names and test_names");
  CHECK(checked("fraction = 1") == "split has no parameter 'fraction'");
  CHECK(checked("test = 1.5") == "'test' is 1.5, out of range: 0 to 1");
}
