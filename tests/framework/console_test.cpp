#include "console.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "temp_folder.h"

using namespace twinflow;
using std::chrono::milliseconds;

namespace {

/// A pipe with room for one page, that is read when the test asks for it.
struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    read_end = ends[0], write_end = ends[1];
    fcntl(write_end, F_SETPIPE_SZ, 4096);
  }
  ~Pipe() {
    close(read_end);
    close(write_end);
  }
  /// What comes until nothing has come for a while.
  std::string read_all() const {
    std::string all;
    pollfd ready{read_end, POLLIN, 0};
    while (poll(&ready, 1, 500) > 0 && (ready.revents & POLLIN)) {
      char buffer[4096];
      const ssize_t count = read(read_end, buffer, sizeof buffer);
      if (count <= 0) break;
      all.append(buffer, static_cast<std::size_t>(count));
    }
    return all;
  }
  int read_end = -1, write_end = -1;
};

std::string numbered(int i) { return "line " + std::to_string(i) + "\n"; }

}  // namespace

TEST_CASE("a reader that does not read holds up nobody: further lines are dropped and counted") {
  const Pipe pipe;
  Console console(pipe.write_end, pipe.write_end, 10000);
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) console.print(Console::Stream::out, numbered(i));
  CHECK(!console.flush(milliseconds(50)));
  console.print(Console::Stream::err, "error: still printed\n");
  const std::string text = pipe.read_all();
  CHECK(console.flush(milliseconds(5000)));
  int kept = 0;
  for (std::size_t at = 0; text.compare(at, numbered(kept).size(), numbered(kept)) == 0; ++kept)
    at += numbered(kept).size();  // the first ones, in their order
  CHECK(kept > 1000);
  CHECK(kept < count);
  const std::string dropped =
      std::to_string(count - kept) + " lines were not printed: the terminal did not read them\n";
  CHECK(text.ends_with("error: still printed\n" + dropped));
  console.print(Console::Stream::out, "again\n");
  CHECK(pipe.read_all() == "again\n");
}

TEST_CASE("lines for one file keep their order, whichever stream they are for") {
  const TempFolder temp;
  const int file = open((temp.path / "both").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int same = dup(file);
  {
    Console console(file, same);
    std::string expected;
    for (int i = 0; i < 500; ++i) {
      console.print(i % 3 == 0 ? Console::Stream::err : Console::Stream::out, numbered(i));
      expected += numbered(i);
    }
    CHECK(console.flush());
    CHECK(read_file(temp.path / "both") == expected);
  }
  close(file);
  close(same);
}

TEST_CASE("bytes that are no text are escaped on both streams and in the progress") {
  const Pipe out, err;
  Console console(out.write_end, err.write_end);
  console.print(Console::Stream::out, "a \x1b[2J\tb\n");
  console.print(Console::Stream::err, "c \xe4\n");
  CHECK(out.read_all() == "a \\u001b[2J\tb\n");
  CHECK(err.read_all() == "c \\xe4\n");
  console.progress("d \x1b\n");
  CHECK(out.read_all() == "\r\033[K\033[?7ld \\u001b\\u000a\033[?7h");
}

TEST_CASE("an error is printed although standard output is not read") {
  const Pipe out, err;
  Console console(out.write_end, err.write_end);
  for (int i = 0; i < 5000; ++i) console.print(Console::Stream::out, numbered(i));
  console.print(Console::Stream::err, "error: here\n");
  CHECK(!console.flush(milliseconds(50)));
  CHECK(err.read_all() == "error: here\n");
}

TEST_CASE("progress that nobody reads is kept once, and taken back by the next line") {
  const Pipe pipe;
  Console console(pipe.write_end, pipe.write_end);
  console.print(Console::Stream::out, std::string(6000, '.') + "\n");  // more than the pipe takes
  for (int i = 0; i < 1000; ++i) console.progress("step " + std::to_string(i));
  CHECK(pipe.read_all() == std::string(6000, '.') + "\n\r\033[K\033[?7lstep 999\033[?7h");
  console.print(Console::Stream::err, "a line\n");
  CHECK(pipe.read_all() == "\r\033[Ka line\n");
  console.print(Console::Stream::out, "another\n");
  CHECK(pipe.read_all() == "another\n");
}

TEST_CASE("a reader that has gone, or a descriptor that cannot be written, changes nothing") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  Pipe pipe;
  close(std::exchange(pipe.read_end, -1));
  Console console(pipe.write_end, full);
  console.print(Console::Stream::out, "lost\n");
  console.print(Console::Stream::err, "lost\n");
  CHECK(console.flush(milliseconds(5000)));
  std::signal(SIGPIPE, before);
  close(full);
}

TEST_CASE("progress is for terminals that understand it") {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  REQUIRE(grantpt(terminal) == 0);
  REQUIRE(unlockpt(terminal) == 0);
  const int shown = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(shown >= 0);
  const Pipe pipe;
  const auto keep = [](const char* name) {
    const char* const value = std::getenv(name);
    return value ? std::string(value) : std::string();
  };
  const std::string term = keep("TERM"), no_color = keep("NO_COLOR");
  unsetenv("NO_COLOR");
  setenv("TERM", "xterm", 1);
  CHECK(Console(shown, shown).shows_progress());
  CHECK(!Console(pipe.write_end, shown).shows_progress());
  setenv("NO_COLOR", "1", 1);
  CHECK(!Console(shown, shown).shows_progress());
  unsetenv("NO_COLOR");
  setenv("TERM", "dumb", 1);
  CHECK(!Console(shown, shown).shows_progress());
  unsetenv("TERM");
  CHECK(!Console(shown, shown).shows_progress());
  if (!term.empty()) setenv("TERM", term.c_str(), 1);
  if (!no_color.empty()) setenv("NO_COLOR", no_color.c_str(), 1);
  close(shown);
  close(terminal);
}
