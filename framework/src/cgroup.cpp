#include "cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "proc_file.h"

namespace twinflow {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

bool has(const std::string& list, std::string_view name) {
  const auto parts = split(list, ',');
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

/// Where a hierarchy is mounted, and which of its groups the mount point shows: in a container often not the
/// outermost.
struct Mount {
  std::string top;  // the group
  fs::path point;
};

/// The mount of version 2 for an empty controller, else of that controller's version 1.
std::optional<Mount> find_mount(std::string_view controller, const fs::path& root) {
  std::ifstream mounts(root / "proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // number parent device top point options [tags...] - type source super-options: proc(5)
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto head = split(line.substr(0, dash), ' '), tail = split(line.substr(dash + 3), ' ');
    if (head.size() < 5 || tail.size() < 3) continue;
    if (controller.empty() ? tail[0] == "cgroup2" : tail[0] == "cgroup" && has(tail[2], controller))
      return Mount{head[3], root / fs::path(head[4]).relative_path()};
  }
  return {};
}

std::optional<double> read_number(const fs::path& file) {
  std::ifstream stream(file);
  double number = 0;
  if (stream >> number) return number;
  return {};
}

std::optional<double> quota_of(const ControlGroup& group) {
  if (group.version == 1) {
    const auto quota = read_number(group.folder / "cpu.cfs_quota_us");
    const auto period = read_number(group.folder / "cpu.cfs_period_us");
    if (!quota || !period || *quota <= 0 || *period <= 0) return {};  // -1: any
    return *quota / *period;
  }
  std::ifstream stream(group.folder / "cpu.max");  // "200000 100000" or "max 100000"
  double quota = 0, period = 0;
  if (stream >> quota >> period && period > 0) return quota / period;
  return {};
}

/// A number of bytes; empty for "max", for 2^62 and more (version 1 writes the largest number of whole pages
/// for "no limit"), and where there is no such file.
std::optional<double> read_limit(const fs::path& file) {
  const auto bytes = read_number(file);
  return bytes && *bytes < 0x1p62 ? bytes : std::nullopt;
}

GroupMemory memory_of(const ControlGroup& group) {
  const bool v1 = group.version == 1;
  GroupMemory made;
  made.group = group;
  made.limit = read_limit(group.folder / (v1 ? "memory.limit_in_bytes" : "memory.max"));
  if (!v1) made.throttle = read_limit(group.folder / "memory.high");
  made.used = read_number(group.folder / (v1 ? "memory.usage_in_bytes" : "memory.current")).value_or(0);
  const fs::path stat = group.folder / "memory.stat";
  for (const char* const list : {"inactive_file", "active_file"})
    made.page_cache += number_in(stat, v1 ? std::string("total_") + list : list).value_or(0);
  return made;
}

}  // namespace

std::vector<ControlGroup> control_groups(std::string_view controller, const fs::path& root) {
  std::vector<ControlGroup> groups;
  std::ifstream lines(root / "proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    // number:controllers:path, and for version 2 "0::path": cgroups(7)
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !has(controllers, controller)) continue;
    const auto mount = find_mount(controllers.empty() ? "" : controller, root);
    if (!mount) continue;
    // A group outside of what is mounted here shows only through the mount's top.
    const fs::path path = line.substr(second + 1);
    fs::path below = path.lexically_relative(mount->top);
    if (below.empty() || *below.begin() == "..") below = ".";
    for (;; below = below.parent_path()) {
      if (below.empty()) below = ".";
      groups.push_back({(fs::path(mount->top) / below).lexically_normal().string(),
                        (mount->point / below).lexically_normal(), controllers.empty() ? 2 : 1});
      std::string& name = groups.back().path;
      if (name.size() > 1 && name.ends_with('/')) name.pop_back();
      if (below == ".") break;
    }
  }
  return groups;
}

std::optional<GroupLimit> processor_quota(const fs::path& root) {
  std::optional<GroupLimit> least;
  for (const ControlGroup& group : control_groups("cpu", root)) {
    const auto quota = quota_of(group);
    if (quota && (!least || *quota < least->value)) least = {*quota, group};
  }
  return least;
}

std::vector<GroupMemory> group_memory(const fs::path& root) {
  std::vector<GroupMemory> all;
  for (const ControlGroup& group : control_groups("memory", root)) {
    // A parent of version 1 may count none but its own processes.
    if (!all.empty() && group.version == 1 && all.back().group.version == 1 &&
        read_number(group.folder / "memory.use_hierarchy").value_or(1) == 0)
      break;
    all.push_back(memory_of(group));
  }
  return all;
}

}  // namespace twinflow
