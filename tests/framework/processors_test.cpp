#include "processors.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <numeric>

#include "fake_machine.h"

using namespace twinflow;

namespace {

UsableProcessors usable(const FakeMachine& machine, int allowed, int online) {
  std::vector<int> mask(static_cast<std::size_t>(allowed));
  std::iota(mask.begin(), mask.end(), 0);
  return usable_processors(mask, online, machine.root());
}

}  // namespace

TEST_CASE("without limits all processors are usable") {
  const UsableProcessors all = usable(FakeMachine(), 16, 16);
  CHECK(all.count == 16);
  CHECK(all.allowed.size() == 16);
  CHECK(all.reason == "16 of 16 processors: nothing limits them");
}

TEST_CASE("the affinity mask limits the processors") {
  const UsableProcessors some = usable(FakeMachine(), 4, 16);
  CHECK(some.count == 4);
  CHECK(some.reason == "4 of 16 processors: the affinity mask allows 4");
}

TEST_CASE("a control group's quota limits the processors, rounded up, and never to none") {
  FakeMachine machine;
  machine.groups_v2("/a/b").limit("a/b/cpu.max", "200000 100000");
  CHECK(usable(machine, 16, 16).count == 2);
  CHECK(usable(machine, 16, 16).reason == "2 of 16 processors: the cgroup /a/b allows 2.00");
  machine.limit("a/cpu.max", "150000 100000");
  CHECK(usable(machine, 16, 16).count == 2);
  CHECK(usable(machine, 16, 16).reason == "2 of 16 processors: the cgroup /a allows 1.50");
  machine.limit("a/cpu.max", "10000 100000");
  CHECK(usable(machine, 16, 16).count == 1);
}

TEST_CASE("the smaller of affinity mask and quota is the one named") {
  FakeMachine machine;
  machine.groups_v1("/a").limit("cpu,cpuacct/a/cpu.cfs_quota_us", "600000");
  machine.limit("cpu,cpuacct/a/cpu.cfs_period_us", "100000");
  CHECK(usable(machine, 16, 16).reason == "6 of 16 processors: the cgroup /a allows 6.00");
  CHECK(usable(machine, 4, 16).reason == "4 of 16 processors: the affinity mask allows 4");
}

TEST_CASE("what Slurm has granted the task limits the processors, where it binds to none") {
  const FakeMachine machine;
  std::vector<int> mask(16);
  std::iota(mask.begin(), mask.end(), 0);
  const auto granted = [&](const char* cpus) { return usable_processors(mask, 16, machine.root(), cpus); };
  CHECK(granted("4").count == 4);
  CHECK(granted("4").allowed.size() == 16);
  CHECK(granted("4").reason == "4 of 16 processors: SLURM_CPUS_PER_TASK is 4");
  for (const char* nothing : {"16", "64", "0", "", "many"})
    CHECK(granted(nothing).reason == "16 of 16 processors: nothing limits them");
}

TEST_CASE("ranks that MPI has started here divide the processors, where it binds them to none") {
  const FakeMachine machine;
  std::vector<int> all(16), some(4);
  std::iota(all.begin(), all.end(), 0);
  std::iota(some.begin(), some.end(), 0);
  const auto divided = [&](const std::vector<int>& mask, const char* ranks) {
    return usable_processors(mask, 16, machine.root(), nullptr, ranks);
  };
  CHECK(divided(all, "4").count == 4);
  CHECK(divided(all, "4").reason == "4 of 16 processors: 4 processes were started here, bound to none");
  CHECK(divided(all, "40").count == 1);
  CHECK(divided(some, "4").reason == "4 of 16 processors: the affinity mask allows 4");  // it has bound them
  for (const char* nothing : {"1", "0", "", "many"}) CHECK(divided(all, nothing).count == 16);
}

TEST_CASE("ranks divide a quota") {
  FakeMachine machine;
  machine.groups_v2("/a").limit("a/cpu.max", "600000 100000");
  std::vector<int> all(16);
  std::iota(all.begin(), all.end(), 0);
  const UsableProcessors four = usable_processors(all, 16, machine.root(), nullptr, "4");
  CHECK(four.count == 1);  // of 6, rounded down
  CHECK(four.reason == "1 of 16 processors: the cgroup /a allows 6.00, and 4 processes were started here");
  // Bound to one each: the quota is no limit.
  CHECK(usable_processors({3}, 16, machine.root(), nullptr, "4").reason ==
        "1 of 16 processors: the affinity mask allows 1");
}

TEST_CASE("this process's own affinity mask is followed") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  const std::vector<int> allowed = usable_processors().allowed;
  CHECK(static_cast<int>(allowed.size()) == CPU_COUNT(&before));
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(allowed.back()), &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  const UsableProcessors narrow = usable_processors();
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(narrow.count == 1);
  CHECK(narrow.allowed == std::vector<int>{allowed.back()});
}
