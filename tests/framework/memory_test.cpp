#include "twinflow/memory.h"

#include <doctest/doctest.h>

#include <cmath>

#include "fake_machine.h"

using namespace twinflow;

TEST_CASE("what may be taken is the machine's memory, or less where a control group says so") {
  FakeMachine machine;
  machine.files.write("proc/meminfo", "MemTotal:       4000000 kB\nMemFree:         1048576 kB\n");
  machine.files.write("proc/self/status", "Name:\tflowrun\nVmRSS:\t  900000 kB\nRssAnon:\t  500000 kB\n");
  const Memory memory = usable_memory(machine.root());
  CHECK(memory.allowed == 4096000000.0);
  CHECK(memory.taken == 512000000.0);
  CHECK(memory.limit == "the machine has 4.1 GB");
  machine.groups_v2("/job").limit("job/memory.max", "2000000000");
  CHECK(usable_memory(machine.root()).allowed == 2e9);
  CHECK(usable_memory(machine.root()).limit == "the cgroup /job allows 2.0 GB");
  const TempFolder nothing;
  CHECK(usable_memory(nothing.path).allowed == HUGE_VAL);
}

TEST_CASE("what does not fit is one sentence, with what to do") {
  const Memory memory{4e9, 1e9, "the machine has 4.0 GB"};
  require_memory(memory, 3e9, "it", "less");
  CHECK_THROWS_WITH(
      require_memory(memory, 3.1e9, "a batch", "make it smaller"),
      "a batch needs 3.1 GB, but the machine has 4.0 GB, of which 1.0 GB are taken: make it smaller");
}
