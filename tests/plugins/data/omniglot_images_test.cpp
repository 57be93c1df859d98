#include "plugins/data/omniglot_images.h"

#include <doctest/doctest.h>

#include <set>

#include "fake_omniglot.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

Collection collection(const fake::Files& files, const std::string& path = "images.zip") {
  Collection made{path, {}};
  for (const auto& [name, bytes] : files) made.files.push_back({name, bytes});
  return made;
}

std::string said(const std::vector<Collection>& collections) {
  return fake::error_of([&] { read_omniglot_images(collections, {}); });
}

/// The first bright row tells fake::png's mark.
int mark(const Dataset& data, std::size_t image) {
  const auto pixels = data.store->kept(image);
  int row = 0;
  while (pixels[static_cast<std::size_t>(row) * 105] == 0) ++row;
  return row / 3;
}

}  // namespace

TEST_CASE("alphabets, characters and drawers are sorted, whatever the order in the archive") {
  const Dataset data = read_omniglot_images({collection(fake::images())}, {});
  CHECK(data.groups == std::vector<std::string>{"Arcadian", "Greek"});
  CHECK(data.group_word == "alphabet");
  REQUIRE(data.classes.size() == 3);
  CHECK(data.classes[0].name == "character01");
  CHECK(data.classes[0].group == 0);
  CHECK(data.classes[2].name == "character02");
  CHECK(data.classes[2].group == 1);
  CHECK(data.drawers == std::vector<std::int32_t>{1, 2, 1, 2, 1, 2});
  CHECK(data.names[1] == "Arcadian/character01/0003_02.png");
  CHECK(data.names[5] == "Greek/character02/0002_02.png");
  CHECK(data.store->count() == 6);
  const int marks[] = {31, 32, 11, 12, 21, 22};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t i = 0; i < 2; ++i) CHECK(mark(data, data.classes[c].images[i]) == marks[2 * c + i]);
}

TEST_CASE("an alphabet in two collections counts once, and must be the same in both") {
  fake::Files other = {{"Greek/character01/0001_01.png", fake::png(11)},
                       {"Latin/character01/0009_01.png", fake::png(5)}};
  const Dataset data =
      read_omniglot_images({collection(fake::images(), "one.zip"), collection(other, "two.zip")}, {});
  CHECK(data.groups == std::vector<std::string>{"Arcadian", "Greek", "Latin"});
  CHECK(data.image_count() == 7);
  other[0].second = fake::png(30);
  CHECK(said({collection(fake::images(), "one.zip"), collection(other, "two.zip")}) ==
        "two.zip, 'Greek/character01/0001_01.png': differs from the same drawing in one.zip, "
        "'Greek/character01/0001_01.png'");
}

TEST_CASE("files that do not fit the layout are refused by name") {
  for (const std::string name :
       {"readme.txt", "Greek/0001_01.png", "Greek/character01/more/0001_01.png",
        "Greek/character01/0001_01.jpg", "Greek/character01/000101.png", "Greek/character01/0001_x.png",
        "Greek/character01/_01.png", "Greek/character01/0001_-1.png",
        "Greek/character01/0001_99999999999.png", "Greek//0001_01.png", "/character01/0001_01.png"}) {
    CHECK(said({collection({{name, fake::png(1)}})}) ==
          "images.zip, '" + name + "': expected a name like ALPHABET/character01/0001_01.png");
  }
  CHECK(said({collection({})}) == "images.zip holds no images");
  CHECK(said({collection({{"Greek/character01/0001_01.png", fake::png(1)},
                          {"Greek/character01/0002_01.png", fake::png(2)}})}) ==
        "images.zip, 'Greek/character01/0002_01.png': drawer 1 drew this character already in "
        "'Greek/character01/0001_01.png'");
}

TEST_CASE("a damaged image ends the reading with its name") {
  fake::Files files = fake::images();
  fake::file(files, "Greek/character01/0001_02.png").resize(70);
  CHECK(said({collection(files)}) ==
        "images.zip, 'Greek/character01/0001_02.png': the PNG image is damaged: read beyond end of data");
}
