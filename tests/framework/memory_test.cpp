#include "twinflow/memory.h"

#include <doctest/doctest.h>

#include <cmath>

#include "fake_machine.h"

using namespace twinflow;

TEST_CASE("without any rule memory has no limit") {
  const TempFolder nothing;
  const Memory memory = usable_memory(0, nothing.path);
  CHECK(memory.left == HUGE_VAL);
  CHECK(memory.limit.empty());
  CHECK(memory.unthrottled == HUGE_VAL);
}

TEST_CASE("what is left is what the machine has available, free swap included") {
  FakeMachine machine;
  machine.files.write("proc/meminfo", "MemTotal: 4000000 kB\nMemFree: 1000 kB\nMemAvailable: 2000000 kB\n");
  CHECK(usable_memory(0, machine.root()).left == 2048000000.0);
  CHECK(usable_memory(0, machine.root()).limit == "the machine has 2.0 GB of memory available");
  machine.files.write("proc/meminfo",
                      "MemAvailable: 2000000 kB\nSwapTotal: 9000000 kB\nSwapFree: 1000000 kB\n");
  CHECK(usable_memory(0, machine.root()).left == 3072000000.0);
  CHECK(usable_memory(0, machine.root()).limit ==
        "the machine has 2.0 GB of memory available and 1.0 GB of free swap");
}

TEST_CASE("a control group leaves what the others in it do not use, and its page cache does not count") {
  FakeMachine machine;
  machine.files.write("proc/meminfo", "MemAvailable: 64000000 kB\n");
  machine.files.write("proc/self/status",
                      "Name:\tflowrun\nVmRSS:\t 900000 kB\nRssAnon:\t 300000 kB\n"
                      "RssFile:\t 500000 kB\nRssShmem:\t 100000 kB\n");
  machine.groups_v2("/job/step")
      .limit("job/memory.max", "4000000000")
      .limit("job/memory.current", "2500000000");
  machine.limit("job/memory.stat", "inactive_file 700000000\nactive_file 300000000");
  Memory memory = usable_memory(0, machine.root());
  CHECK(memory.left == 2500000000.0);  // 4.0 GB less 2.5 GB, of which 1.0 GB are page cache
  CHECK(memory.limit ==
        "the cgroup /job allows 4.0 GB, of which this process holds 0.4 GB and others 1.1 GB");
  CHECK(memory.unthrottled == HUGE_VAL);
  machine.limit("job/step/memory.max", "1000000000").limit("job/step/memory.current", "409600000");
  memory = usable_memory(0, machine.root());
  CHECK(memory.left == 590400000.0);
  CHECK(memory.limit ==
        "the cgroup /job/step allows 1.0 GB, of which this process holds 0.4 GB and others 0.0 GB");
  machine.limit("job/step/memory.max", "100000000");  // lowered below what is held
  CHECK(usable_memory(0, machine.root()).left == 0.0);
}

TEST_CASE("memory.high is where a run gets slow, no limit") {
  FakeMachine machine;
  machine.groups_v2("/job").limit("job/memory.max", "3000000000").limit("job/memory.high", "1000000000");
  const Memory memory = usable_memory(0, machine.root());
  CHECK(memory.left == 3e9);
  CHECK(memory.unthrottled == 1e9);
  CHECK(memory.throttle ==
        "the cgroup /job slows its processes down beyond 1.0 GB, of which this process holds "
        "0.0 GB and others 0.0 GB");
}

TEST_CASE("version 1's limit counts like version 2's") {
  FakeMachine machine;
  machine.groups_v1("/job").limit("memory/job/memory.limit_in_bytes", "2000000000");
  machine.limit("memory/job/memory.usage_in_bytes", "1500000000");
  machine.limit("memory/job/memory.stat", "total_inactive_file 1000000000");
  CHECK(usable_memory(0, machine.root()).left == 1.5e9);
}

TEST_CASE("limits of address space and data count what is mapped, and the threads to come") {
  FakeMachine machine;
  machine.files.write("proc/self/status", "VmSize:\t 1000000 kB\nVmData:\t 200000 kB\nRssAnon:\t 1000 kB\n");
  const auto limits = [&](const std::string& space, const std::string& data) {
    machine.files.write("proc/self/limits",
                        "Limit                     Soft Limit           Hard Limit           Units     \n"
                        "Max data size             " +
                            data +
                            "            unlimited            bytes     \n"
                            "Max address space         " +
                            space + "            unlimited            bytes     \n");
    return usable_memory(0, machine.root());
  };
  CHECK(limits("unlimited", "unlimited").left == HUGE_VAL);
  CHECK(limits("2000000000", "unlimited").left == 976000000.0);
  CHECK(usable_memory(2, machine.root()).left == 976000000.0 - 2 * 72 * 1024 * 1024);
  CHECK(limits("2000000000", "unlimited").limit ==
        "the limit of address space (ulimit -v) is 2.0 GB, of which 1.0 GB are in use");
  CHECK(limits("2000000000", "300000000").left == 95200000.0);
  CHECK(limits("2000000000", "300000000").limit ==
        "the limit of data (ulimit -d) is 0.3 GB, of which 0.2 GB are in use");
}

TEST_CASE("what does not fit is one sentence, with what to do") {
  const Memory memory{3e9, "the machine has 3.0 GB of memory available"};
  require_memory(memory, 3e9, "it", "less");
  CHECK_THROWS_WITH(require_memory(memory, 3.1e9, "a batch", "make it smaller"),
                    "a batch needs 3.1 GB, but 3.0 GB are left (the machine has 3.0 GB of memory available): "
                    "make it smaller");
}
