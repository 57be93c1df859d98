#include "line_file.h"

#include <csignal>

#include "framework/run_graph.h"

namespace {

/// While it lives, no file of this process grows beyond so many bytes: a write fails as on a full disk.
struct FileLimit {
  explicit FileLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    test_nodes::Cramp::limit_files(bytes);
  }
  ~FileLimit() {
    test_nodes::Cramp::limit_files(RLIM_INFINITY);
    std::signal(SIGXFSZ, SIG_DFL);
  }
};

}  // namespace

TEST_CASE("a file of lines goes on where it was, without half a line") {
  const TempFolder temp;
  for (const std::string& before : {std::string(), std::string("one\ntwo\n"), std::string(10000, '\n')}) {
    for (const std::string& half : {std::string(), std::string("hal"), std::string(9000, 'x')}) {
      const auto file = temp.write("lines", before + half);
      LineFile lines(Folder(temp.path).open("lines"));
      CHECK(lines.size() == before.size());
      lines.add("three");
      CHECK(lines.trouble().empty());
      lines.sync();
      CHECK(lines.size() == before.size() + 6);
      CHECK(read_file(file) == before + "three\n");
    }
  }
}

TEST_CASE("lines that cannot be written are kept, whole, until they can") {
  const TempFolder temp;
  const auto file = temp.path / "lines";
  const std::string trouble = "cannot write '" + file.string() + "': File too large";
  LineFile lines(Folder(temp.path).open("lines"), 30);
  lines.add("first");
  {
    const FileLimit limit(20);
    lines.add("second");
    lines.add("the third");
    CHECK(lines.trouble() == trouble);
    CHECK(read_file(file) == "first\nsecond\n");  // 20 bytes would hold half of the third
    CHECK(lines.size() == 13);
    lines.add("a fourth");
    CHECK_THROWS_WITH_AS(lines.sync(), trouble.c_str(), Error);
    CHECK_THROWS_WITH_AS(lines.add("123456789 123"),
                         (trouble + "; 19 bytes wait to be written there, and no more are kept").c_str(),
                         Error);
    lines.add("the last!!");
  }
  CHECK(lines.trouble() == trouble);
  lines.write();
  CHECK(lines.trouble().empty());
  CHECK(read_file(file) == "first\nsecond\nthe third\na fourth\nthe last!!\n");
}

TEST_CASE("of several kept lines those that fit are written") {
  const TempFolder temp;
  LineFile lines(Folder(temp.path).open("lines"));
  {
    const FileLimit none(0);
    for (const char* line : {"one", "two", "three"}) lines.add(line);
    CHECK(read_file(temp.path / "lines").empty());
  }
  {
    const FileLimit some(11);
    lines.write();
    CHECK(!lines.trouble().empty());
    CHECK(read_file(temp.path / "lines") == "one\ntwo\n");
  }
  lines.sync();
  CHECK(read_file(temp.path / "lines") == "one\ntwo\nthree\n");
}

TEST_CASE("a file of lines that others have removed, replaced or cut is made good") {
  const TempFolder temp;
  const auto file = temp.path / "lines";
  const std::string again =
      "'" + file.string() + "' was removed or replaced while the run was writing there: it is written again";
  LineFile lines(Folder(temp.path).open("lines"));
  lines.add("one");
  CHECK(lines.repair().empty());
  std::filesystem::remove(file);
  lines.add("two");
  CHECK(!std::filesystem::exists(file));
  CHECK(lines.repair() == again);
  CHECK(read_file(file) == "one\ntwo\n");
  lines.add("three");
  CHECK(lines.repair().empty());
  CHECK(read_file(file) == "one\ntwo\nthree\n");
  std::filesystem::rename(file, temp.path / "moved");
  temp.write("lines", "of another");
  CHECK(lines.repair() == again);
  lines.add("four");
  CHECK(read_file(file) == "one\ntwo\nthree\nfour\n");
  CHECK(read_file(temp.path / "moved") == "one\ntwo\nthree\n");
  std::filesystem::resize_file(file, 6);  // within the second line
  CHECK(lines.repair() == "'" + file.string() +
                              "' was cut while the run was writing there, 13 bytes are lost: it goes on at "
                              "its end");
  lines.add("five");
  CHECK(read_file(file) == "one\nfive\n");
  CHECK(!std::filesystem::exists(temp.path / "lines.tmp"));
}
