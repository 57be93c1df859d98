#include "cgroup.h"

#include <doctest/doctest.h>

#include "fake_machine.h"

using namespace twinflow;

TEST_CASE("a process's control group of version 2 comes with its parents, the innermost first") {
  FakeMachine machine;
  machine.groups_v2("/jobs/17");
  const auto groups = control_groups("cpu", machine.root());
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].path == "/jobs/17");
  CHECK(groups[0].folder == machine.root() / "sys/fs/cgroup/jobs/17");
  CHECK(groups[0].version == 2);
  CHECK(groups[1].path == "/jobs");
  CHECK(groups[2].path == "/");
}

TEST_CASE("of a container, whose groups are mounted from its own on, no parent is looked for outside") {
  FakeMachine machine;
  machine.groups_v2("/docker/abc/inner", "/docker/abc").limit("inner/cpu.max", "max 100000");
  const auto groups = control_groups("cpu", machine.root());
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].path == "/docker/abc/inner");
  CHECK(groups[0].folder == machine.root() / "sys/fs/cgroup/inner");
  CHECK(groups[1].path == "/docker/abc");

  FakeMachine other;  // the process was moved out of what it can see
  other.groups_v2("/../../system").limit("cpu.max", "150000 100000");
  CHECK(control_groups("cpu", other.root()).size() == 1);
  CHECK(processor_quota(other.root())->value == 1.5);
}

TEST_CASE("the quota of version 2 is the smallest of a group and its parents") {
  FakeMachine machine;
  machine.groups_v2("/jobs/17");
  CHECK(!processor_quota(machine.root()));
  machine.limit("jobs/17/cpu.max", "max 100000");
  CHECK(!processor_quota(machine.root()));
  machine.limit("jobs/cpu.max", "250000 100000");
  CHECK(processor_quota(machine.root())->value == 2.5);
  CHECK(processor_quota(machine.root())->group.path == "/jobs");
  machine.limit("jobs/17/cpu.max", "100000 50000");
  CHECK(processor_quota(machine.root())->value == 2);
  CHECK(processor_quota(machine.root())->group.path == "/jobs/17");
}

TEST_CASE("the quota of version 1 is the smallest of a group and its parents") {
  FakeMachine machine;
  machine.groups_v1("/slurm/job3").limit("cpu,cpuacct/cpu.cfs_quota_us", "-1");
  machine.limit("cpu,cpuacct/cpu.cfs_period_us", "100000");
  CHECK(!processor_quota(machine.root()));
  machine.limit("cpu,cpuacct/slurm/cpu.cfs_quota_us", "400000");
  machine.limit("cpu,cpuacct/slurm/cpu.cfs_period_us", "100000");
  CHECK(processor_quota(machine.root())->value == 4);
  CHECK(processor_quota(machine.root())->group.path == "/slurm");
  CHECK(processor_quota(machine.root())->group.version == 1);
}

TEST_CASE("memory limits, and what is used, are read in both versions; 'any' is no limit") {
  FakeMachine two;
  two.groups_v2("/a").limit("a/memory.max", "max").limit("a/memory.high", "500000");
  two.limit("memory.max", "1073741824").limit("memory.current", "900000");
  two.limit("memory.stat", "anon 300000\ninactive_file 200000\nactive_file 100000\nslab 5");
  const auto second = group_memory(two.root());
  REQUIRE(second.size() == 2);
  CHECK(!second[0].limit);
  CHECK(second[0].throttle == 500000);
  CHECK(second[1].limit == 1073741824);
  CHECK(!second[1].throttle);
  CHECK(second[1].used == 900000);
  CHECK(second[1].page_cache == 300000);

  FakeMachine one;
  one.groups_v1("/a").limit("memory/memory.limit_in_bytes", "9223372036854771712");
  one.limit("memory/a/memory.limit_in_bytes", "2147483648").limit("memory/a/memory.usage_in_bytes", "800000");
  one.limit("memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 70000\ntotal_active_file 8000");
  const auto first = group_memory(one.root());
  REQUIRE(first.size() == 2);
  CHECK(first[0].limit == 2147483648);
  CHECK(first[0].used == 800000);
  CHECK(first[0].page_cache == 78000);
  CHECK(!first[1].limit);
  one.limit("memory/memory.use_hierarchy", "0");  // the parent does not count what its children use
  CHECK(group_memory(one.root()).size() == 1);
}

TEST_CASE("a machine without control groups has no limits") {
  const TempFolder empty;
  CHECK(control_groups("cpu", empty.path).empty());
  CHECK(!processor_quota(empty.path));
  CHECK(group_memory(empty.path).empty());
}
