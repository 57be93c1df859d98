#include "twinflow/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

#include "cgroup.h"
#include "proc_file.h"

namespace twinflow {

namespace {

namespace fs = std::filesystem;

std::string gb(double bytes) { return fmt::format("{:.1f} GB", bytes * 1e-9); }

/// The soft limit of that name in bytes. Empty: none.
std::optional<double> resource_limit(const std::string& name, const fs::path& root) {
  std::ifstream lines(root / "proc/self/limits");  // "Max data size    unlimited    unlimited    bytes"
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name)) continue;
    std::istringstream rest(line.substr(name.size()));
    if (double bytes = 0; rest >> bytes) return bytes;
  }
  return {};
}

constexpr double stack_bytes = 8.0 * (1 << 20), malloc_arena_bytes = 64.0 * (1 << 20);  // that a thread maps

}  // namespace

OutOfMemory::~OutOfMemory() = default;

Memory usable_memory(int new_threads, const fs::path& root) {
  Memory memory{std::numeric_limits<double>::infinity(), ""};
  const auto least = [&](double left, const std::string& rule) {
    left = std::max(left, 0.0);
    if (left >= memory.left) return;
    memory.left = left;
    memory.limit = rule;
  };
  const fs::path status = root / "proc/self/status", meminfo = root / "proc/meminfo";
  const auto own = [&](const char* what) { return bytes_in(status, what).value_or(0); };

  if (const auto available = bytes_in(meminfo, "MemAvailable:")) {
    const double swap = bytes_in(meminfo, "SwapFree:").value_or(0);
    least(*available + swap, fmt::format("the machine has {} of memory available{}", gb(*available),
                                         swap > 0 ? " and " + gb(swap) + " of free swap" : ""));
  }
  const double held = own("RssAnon:") + own("RssShmem:");
  for (const GroupMemory& one : group_memory(root)) {
    const double others = std::max(one.used - one.page_cache - held, 0.0);
    const auto rule = [&](const char* does, double bytes) {
      return fmt::format("the cgroup {} {} {}, of which this process holds {} and others {}", one.group.path,
                         does, gb(bytes), gb(held), gb(others));
    };
    if (one.limit) least(*one.limit - others - held, rule("allows", *one.limit));
    if (!one.throttle || *one.throttle - others - held >= memory.unthrottled) continue;
    memory.unthrottled = std::max(*one.throttle - others - held, 0.0);
    memory.throttle = rule("slows its processes down beyond", *one.throttle);
  }
  const auto mapped = [&](const char* name, double used, const char* words) {
    if (const auto bytes = resource_limit(name, root))
      least(*bytes - used, fmt::format("{} is {}, of which {} are in use", words, gb(*bytes), gb(used)));
  };
  mapped("Max address space", own("VmSize:") + new_threads * (stack_bytes + malloc_arena_bytes),
         "the limit of address space (ulimit -v)");
  mapped("Max data size", own("VmData:") + new_threads * stack_bytes, "the limit of data (ulimit -d)");
  return memory;
}

void require_memory(const Memory& memory, double bytes, const std::string& what, const std::string& advice) {
  if (bytes <= memory.left) return;
  throw Error(fmt::format("{} needs {}, but {} are left ({}): {}", what, gb(bytes), gb(memory.left),
                          memory.limit, advice));
}

}  // namespace twinflow
