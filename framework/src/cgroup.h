#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Linux control groups: which limits hold for this process. A limit of any parent holds too.
namespace twinflow {

/// One control group that this process is in.
struct ControlGroup {
  std::string path;              // as the system calls it: "/a/b"
  std::filesystem::path folder;  // with the files of its limits
  int version = 2;               // 1 and 2 name and write their limits differently
};

/// The control groups of `controller` ("cpu", "memory") that this process is in, the innermost first, up to
/// the outermost that can be seen from here; of both versions, where both are mounted. `root`: the folder
/// that holds proc and sys. Empty where there are none.
std::vector<ControlGroup> control_groups(std::string_view controller,
                                         const std::filesystem::path& root = "/");

/// A limit and the group that sets it.
struct GroupLimit {
  double value = 0;
  ControlGroup group;
};

/// The processors' worth of time that the groups allow: 1.5 is three halves of a processor. Empty: any.
std::optional<GroupLimit> processor_quota(const std::filesystem::path& root = "/");

/// What a control group says about memory. All in bytes.
struct GroupMemory {
  ControlGroup group;
  std::optional<double> limit;     // the system kills a process of the group beyond it; empty: no limit
  std::optional<double> throttle;  // the system slows the group down beyond it; empty: nowhere
  double used = 0;                 // by all processes of the group and of the groups below it
  double page_cache = 0;  // of `used`: copies of files, which the system drops before it kills a process
};

/// Of every group that this process's memory counts in, the innermost first. `root`: as above.
std::vector<GroupMemory> group_memory(const std::filesystem::path& root = "/");

}  // namespace twinflow
