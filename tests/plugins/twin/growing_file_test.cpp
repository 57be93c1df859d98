#include "plugins/twin/growing_file.h"

#include <doctest/doctest.h>

#include "temp_folder.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("a growing file has its name when it is whole") {
  const TempFolder temp;
  const auto file = temp.path / "x", part = temp.path / "x.part";
  temp.write("x", "old");
  temp.write("x.part", "what a killed run has left");
  GrowingFile growing;
  CHECK(!growing.open());
  growing.begin(Folder(temp.path), "x");
  growing.append("head body");
  growing.overwrite_head("HEAD");
  growing.append(" tail");
  CHECK(growing.size() == 14);
  growing.save();
  CHECK(read_file(part) == "HEAD body tail");
  CHECK(read_file(file) == "old");
  growing.finish();
  CHECK(!growing.open());
  CHECK(read_file(file) == "HEAD body tail");
  CHECK(!std::filesystem::exists(part));
}

TEST_CASE("a growing file is cut back to what was saved, and goes on") {
  const TempFolder temp;
  const auto file = temp.path / "x";
  const auto go_on = [&] {
    GrowingFile growing;
    CHECK(growing.resume(Folder(temp.path), "x", 5));
    CHECK(growing.size() == 5);
    growing.append(" end");
    growing.finish();
    CHECK(read_file(file) == "saved end");
  };
  temp.write("x.part", "saved and lost");
  go_on();
  go_on();  // it had its name already
  temp.write("x.part", "save");
  GrowingFile growing;
  CHECK(!growing.resume(Folder(temp.path), "x", 5));  // a byte is missing
  CHECK(!growing.open());
  CHECK(read_file(temp.path / "x.part") == "save");
  std::filesystem::remove(temp.path / "x.part");
  std::filesystem::remove(file);
  CHECK(!growing.resume(Folder(temp.path), "x", 5));
  CHECK(!std::filesystem::exists(temp.path / "x.part"));
}

TEST_CASE("a growing file that cannot be made is named") {
  const TempFolder temp;
  GrowingFile growing;
  std::filesystem::create_directory(temp.path / "x.part");
  CHECK_THROWS_WITH_AS(growing.begin(Folder(temp.path), "x"),
                       ("cannot create '" + (temp.path / "x.part").string() + "': Is a directory").c_str(),
                       Error);
}
