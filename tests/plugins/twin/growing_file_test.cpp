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
  growing.begin(file);
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
    growing.resume(file, 5);
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
  CHECK_THROWS_WITH_AS(
      growing.resume(file, 5),
      ("'" + file.string() + ".part' cannot be gone on with: it has 4 bytes of the 5 that were saved")
          .c_str(),
      Error);
  std::filesystem::remove(temp.path / "x.part");
  std::filesystem::remove(file);
  CHECK_THROWS_WITH_AS(
      growing.resume(file, 5),
      ("'" + file.string() + ".part' cannot be gone on with: No such file or directory").c_str(), Error);
}

TEST_CASE("a growing file that cannot be made is named") {
  const TempFolder temp;
  GrowingFile growing;
  CHECK_THROWS_WITH_AS(
      growing.begin(temp.path / "none/x"),
      ("cannot create '" + (temp.path / "none/x").string() + ".part': No such file or directory").c_str(),
      Error);
}
