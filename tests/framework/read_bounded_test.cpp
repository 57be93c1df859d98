#include "twinflow/read_bounded.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "error_of.h"
#include "temp_folder.h"

using namespace twinflow;

TEST_CASE("read_bounded: regular files up to a size") {
  TempFolder temp;
  CHECK(read_bounded(temp.write("a", "0123456789"), 10) == "0123456789");
  CHECK(read_bounded(temp.write("empty", ""), 0).empty());
  CHECK_FALSE(read_bounded("/proc/self/status", 1 << 20).empty());  // states a size of 0
  const auto problem = [&](const std::filesystem::path& file, const std::string& what = "file") {
    return error_of([&] { read_bounded(file, 9, what); });
  };
  CHECK(problem(temp.path / "a") ==
        "the file '" + (temp.path / "a").string() + "' is too large: at most 9 bytes are read");
  CHECK(problem("/proc/self/status") ==
        "the file '/proc/self/status' is too large: at most 9 bytes are read");
  CHECK(problem("none", "graph file") == "the graph file 'none' does not exist");
  CHECK(problem("no\nne\xe4") == "the file 'no\\u000ane\\xe4' does not exist");
}

TEST_CASE("read_bounded: what never ends or blocks is refused at once") {
  TempFolder temp;
  const auto problem = [](const std::filesystem::path& file) {
    return error_of([&] { read_bounded(file, 1 << 20); });
  };
  const std::filesystem::path fifo = temp.path / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK(problem(fifo) == "the file '" + fifo.string() + "' is a FIFO, not a regular file");
  CHECK(problem("/dev/zero") == "the file '/dev/zero' is a device, not a regular file");
  CHECK(problem(temp.path) == "the file '" + temp.path.string() + "' is a folder, not a regular file");
}
