#include "writer.h"

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>

#include "twinflow/error.h"

using namespace twinflow;

namespace {

/// What a writer says, from its own thread.
struct Said {
  std::mutex mutex;
  std::vector<std::string> lines;
  std::function<void(const std::string&)> hear() {
    return [this](const std::string& line) {
      const std::lock_guard lock(mutex);
      lines.push_back(line);
    };
  }
};

}  // namespace

TEST_CASE("a writer writes one after the other, in order, on a thread of its own") {
  Said said;
  std::vector<int> written;
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<bool> elsewhere{true};
  {
    Writer writer(said.hear());
    for (int i = 0; i < 100; ++i)
      writer.later(
          "file",
          [&, i] {
            if (std::this_thread::get_id() == here) elsewhere = false;
            written.push_back(i);
          },
          true);
  }  // waits for all
  CHECK(elsewhere);
  REQUIRE(written.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(written[i] == i);
  CHECK(said.lines.empty());
}

TEST_CASE("what cannot be written is tried again, and told of") {
  Said said;
  Writer writer(said.hear(), {0.001, 0.002});
  int tries = 0;
  SUBCASE("with success in the end") {
    const auto done = writer.later(
        "best.safetensors",
        [&] {
          if (++tries < 3) throw Error("the disk is full");
        },
        true);
    CHECK(done.get());
    CHECK(tries == 3);
    CHECK(said.lines == std::vector<std::string>{"best.safetensors: the disk is full",
                                                 "best.safetensors: written at the 3. attempt"});
  }
  SUBCASE("without") {
    const auto done = writer.later(
        "best.safetensors", [&] { throw Error("the disk is full, " + std::to_string(++tries)); }, true);
    bool next = false;
    const auto after = writer.later(
        "next", [&] { next = true; }, true);
    CHECK(!done.get());
    CHECK(after.get());
    CHECK(next);
    CHECK(tries == 3);
    REQUIRE(said.lines.size() == 4);
    CHECK(said.lines[3] == "best.safetensors: given up after 3 attempts");

    // Nothing has been given up since something was written; then what follows is tried once.
    for (int again = 0; again < 2; ++again) {
      said.lines.clear();
      tries = 0;
      writer.later(
          "first", [&] { throw Error(std::to_string(++tries)); }, true);
      writer.later(
          "second", [&] { throw Error(std::to_string(++tries)); }, true);
      writer.drain();  // is something written
      CHECK(tries == 4);
      CHECK(said.lines.back() == "second: given up");
    }
  }
  SUBCASE("but not what need not be") {
    CHECK(!writer
               .later(
                   "events", [&] { throw Error(std::to_string(++tries)); }, false)
               .get());
    CHECK(tries == 1);
    CHECK(said.lines == std::vector<std::string>{"events: 1", "events: given up"});
  }
}

TEST_CASE("a writer's drain waits for what was given before") {
  Said said;
  Writer writer(said.hear());
  std::atomic<int> done{0};
  for (int i = 0; i < 20; ++i)
    writer.later(
        "file",
        [&] {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          ++done;
        },
        true);
  CHECK(writer.pending() > 0);
  writer.drain();
  CHECK(done == 20);
  CHECK(writer.pending() == 0);
}
