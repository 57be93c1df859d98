#pragma once

#include <filesystem>
#include <string>

namespace twinflow {

/// What this process may have of the machine's memory. A process that takes more is killed by the system,
/// without a word: so whoever is about to take much asks first.
struct Memory {
  double allowed = 0;  // bytes: all of the machine's, or what a control group allows; infinite: nobody says
  double taken = 0;    // bytes that this process holds now
  std::string limit;   // in words: "the machine has 15.6 GB"

  double left() const { return allowed - taken; }
};

/// `root`: the folder that holds proc and sys.
Memory usable_memory(const std::filesystem::path& root = "/");

/// Throws Error when it has not so many bytes left: "WHAT needs 70.2 GB, but the machine has 15.6 GB, of
/// which 0.4 GB are taken: ADVICE". What other processes hold is left out, so that what passes may
/// still not fit.
void require_memory(const Memory& memory, double bytes, const std::string& what, const std::string& advice);

}  // namespace twinflow
