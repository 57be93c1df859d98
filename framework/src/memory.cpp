#include "twinflow/memory.h"

#include <fmt/format.h>

#include <cmath>

#include "cgroup.h"
#include "proc_file.h"
#include "twinflow/error.h"

namespace twinflow {

Memory usable_memory(const std::filesystem::path& root) {
  Memory memory{HUGE_VAL, kib_in(root / "proc/self/status", "RssAnon:").value_or(0) * 1024, ""};
  if (const auto total = kib_in(root / "proc/meminfo", "MemTotal:")) {
    memory.allowed = *total * 1024;
    memory.limit = fmt::format("the machine has {:.1f} GB", memory.allowed * 1e-9);
  }
  if (const auto limit = memory_limit(root); limit && limit->value < memory.allowed) {
    memory.allowed = limit->value;
    memory.limit = fmt::format("the cgroup {} allows {:.1f} GB", limit->group.path, memory.allowed * 1e-9);
  }
  return memory;
}

void require_memory(const Memory& memory, double bytes, const std::string& what, const std::string& advice) {
  if (bytes <= memory.left()) return;
  throw Error(fmt::format("{} needs {:.1f} GB, but {}, of which {:.1f} GB are taken: {}", what, bytes * 1e-9,
                          memory.limit, memory.taken * 1e-9, advice));
}

}  // namespace twinflow
