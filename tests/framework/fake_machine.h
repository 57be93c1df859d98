#pragma once

#include <string>

#include "temp_folder.h"

/// A folder that holds proc and sys of a machine that is not there: control groups of version 2, and of
/// version 1 as many machines still have them.
class FakeMachine {
 public:
  FakeMachine& groups_v2(const std::string& own, const std::string& top = "/") {
    files.write("proc/self/cgroup", "0::" + own + "\n");
    files.write("proc/self/mountinfo",
                "22 1 0:20 / /proc rw,nosuid - proc proc rw\n"
                "30 22 0:26 " +
                    top + " /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
    return *this;
  }
  FakeMachine& groups_v1(const std::string& own, const std::string& top = "/") {
    files.write("proc/self/cgroup",
                "9:name=systemd:/\n4:memory:" + own + "\n3:cpu,cpuacct:" + own + "\n0::/\n");
    files.write("proc/self/mountinfo", "32 31 0:29 " + top +
                                           " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                           "35 31 0:32 " +
                                           top + " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    return *this;
  }
  FakeMachine& limit(const std::string& file, const std::string& content) {
    files.write("sys/fs/cgroup/" + file, content + "\n");
    return *this;
  }
  const std::filesystem::path& root() const { return files.path; }

  TempFolder files;
};
