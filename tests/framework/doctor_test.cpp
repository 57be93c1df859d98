#include "doctor.h"

#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

#include "contains.h"
#include "fake_machine.h"
#include "local_ranks.h"

using namespace twinflow;

namespace {

Diagnosis examined(const FakeMachine& machine, const std::vector<int>& allowed, int online) {
  Diagnosis diagnosis;
  examine_machine(usable_processors(allowed, online, machine.root()), machine.root(), diagnosis);
  return diagnosis;
}

FakeMachine& siblings(FakeMachine& machine, int processor, const std::string& list) {
  machine.files.write(
      "sys/devices/system/cpu/cpu" + std::to_string(processor) + "/topology/thread_siblings_list",
      list + "\n");
  return machine;
}

}  // namespace

TEST_CASE("of a machine without limits nothing is warned") {
  FakeMachine machine;
  machine.files.write("proc/meminfo", "MemTotal:       16777216 kB\nMemAvailable:   12582912 kB\n");
  siblings(siblings(machine, 0, "0"), 1, "1");
  const Diagnosis diagnosis = examined(machine, {0, 1}, 2);
  CHECK(text(diagnosis) ==
        "processors      2 of 2 processors: nothing limits them\n"
        "cores           2, for 2 processors\n"
        "memory          17.2 GB; a run may take 12.9 GB: the machine has 12.9 GB of memory available\n"
        "\nNothing to warn of.\n");
}

TEST_CASE("processors that share a core are warned of, unless there are as many cores as threads") {
  FakeMachine machine;
  for (const int one : {0, 1, 2, 3}) siblings(machine, one, one % 2 ? "1,3" : "0,2");
  const Diagnosis all = examined(machine, {0, 1, 2, 3}, 4);
  REQUIRE(all.warnings.size() == 1);
  CHECK(all.warnings[0] ==
        "The 4 processors are threads of 2 cores and share their arithmetic: try whether --threads 2 is as "
        "fast.");
  CHECK(examined(machine, {0, 1}, 4).warnings.empty());
}

TEST_CASE("a quota is warned of, and said to be no whole number") {
  FakeMachine machine;
  machine.groups_v2("/job").limit("job/cpu.max", "200000 100000").limit("job/memory.max", "2147483648");
  const Diagnosis whole = examined(machine, {0, 1, 2, 3}, 4);
  REQUIRE(whole.warnings.size() == 1);
  CHECK(whole.warnings[0].starts_with(
      "The cgroup /job allows 2.00 processors' worth of time, though 4 are in sight: "));
  CHECK(whole.facts.back() ==
        std::pair<std::string, std::string>("memory",
                                            "unknown; a run may take 2.1 GB: the cgroup /job allows 2.1 GB, "
                                            "of which this process holds 0.0 GB and others 0.0 GB"));

  machine.limit("job/cpu.max", "250000 100000");
  const Diagnosis part = examined(machine, {0, 1, 2, 3}, 4);
  REQUIRE(part.warnings.size() == 1);
  CHECK(contains(part.warnings[0],
                 "for more, in whole processors; until then try whether --threads 2 is as "
                 "fast as the default, 3, as all threads"));
  CHECK(!contains(part.warnings[0], "leave --threads"));
}

TEST_CASE("a quota of less than a processor gets one piece of advice, which can be followed") {
  FakeMachine machine;
  machine.groups_v2("/job").limit("job/cpu.max", "50000 100000");
  const Diagnosis half = examined(machine, {0, 1}, 2);
  REQUIRE(half.warnings.size() == 1);
  CHECK(half.warnings[0] ==
        "The cgroup /job allows 0.50 processors' worth of time, though 2 are in sight: ask whoever started "
        "this (batch system, container) for more; even one thread is stopped for a part of each period.");
}

TEST_CASE("a group that slows down before it kills is warned of") {
  FakeMachine machine;
  machine.groups_v2("/job").limit("job/memory.max", "2147483648").limit("job/memory.high", "1073741824");
  const Diagnosis diagnosis = examined(machine, {0}, 1);
  REQUIRE(diagnosis.warnings.size() == 1);
  CHECK(diagnosis.warnings[0].starts_with("A run that takes more than 1.1 GB of memory is slowed down: "));
  machine.limit("job/memory.high", "max");
  CHECK(examined(machine, {0}, 1).warnings.empty());
}

TEST_CASE("what a plugin has to say is asked for with the rest") {
  static int asked = 0;
  register_doctor([](Diagnosis& diagnosis) {
    ++asked;
    diagnosis.facts.emplace_back("test", "well");
  });
  CHECK(asked == 0);
  const Diagnosis diagnosis = examine();
  CHECK(asked == 1);
  CHECK(text(diagnosis).find("\ntest            well\n") != std::string::npos);
  CHECK(text(diagnosis).find("\noneTBB          20") != std::string::npos);
}

TEST_CASE("numbers of processors are told in ranges") {
  CHECK(number_ranges({}) == "");
  CHECK(number_ranges({5}) == "5");
  CHECK(number_ranges({0, 1, 2, 3, 8}) == "0-3,8");
  CHECK(number_ranges({1, 3, 4}) == "1,3-4");
}

TEST_CASE("ranks are shown side by side, with how fast they talk to each other") {
  std::mutex mutex;
  std::vector<std::string> texts;
  LocalRanks(2).run([&](Ranks& ranks) {
    Diagnosis mine;
    mine.facts = {{"SIMD of oneDNN", ranks.rank() == 0 ? "AVX-512" : "AVX2"}, {"MPI", "none"}};
    const std::string text = examine_ranks(ranks, mine);
    const std::lock_guard lock(mutex);
    texts.push_back(text);
  });
  REQUIRE(texts.size() == 2);
  for (const std::string& text : texts) {
    CAPTURE(text);
    CHECK(contains(text, "  rank 0 of 2 ("));
    CHECK(contains(text, "; AVX-512; none\n  rank 1 of 2 ("));
    CHECK(contains(text, "; AVX2; none\n  a number is summed over them in "));
    CHECK(contains(text, " GB/s sent by each\n"));
    CHECK(contains(text, "has AVX2: training refuses processors with different instructions"));
  }
}
