#pragma once

#include <filesystem>
#include <limits>
#include <new>
#include <string>

#include "twinflow/error.h"

namespace twinflow {

/// Memory has run out: says what it was for.
class OutOfMemory : public Error {
 public:
  using Error::Error;
  ~OutOfMemory() override;
};

/// Does `work`, and gives what it gives. Where memory runs out in it, throws OutOfMemory: "there is not
/// enough memory for WHAT"; `what()` is only called then.
template <class What, class Work>
decltype(auto) with_memory_for(const What& what, const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    throw OutOfMemory("there is not enough memory for " + std::string(what()));
  }
}

/// What this process may still take of the machine's memory. The system kills a process that takes more
/// without a word, so whatever is about to take much asks first.
struct Memory {
  double left = 0;    // bytes that may still be taken; infinite where nothing limits them
  std::string limit;  // the rule that gives it: "the machine has 15.2 GB of memory available"

  double unthrottled = std::numeric_limits<double>::infinity();  // bytes before the system slows it down
  std::string throttle = {};  // the rule for that: memory.high of a control group; empty: nothing does
};

/// The smallest of: what each control group of this process leaves beside what other processes in it use (the
/// cache of files does not count), from its own group up to the outermost; the limits of address space and
/// data (ulimit -v, -d) less what is mapped; and the memory that the machine has available, with its free
/// swap. `new_threads`: how many are still to start; each maps 72 MiB, of which it uses little. `root`: the
/// folder that holds proc and sys. Any thread; reads a handful of small files.
Memory usable_memory(int new_threads = 0, const std::filesystem::path& root = "/");

/// Throws Error when fewer bytes than that are left: "WHAT needs 70.2 GB, but 15.2 GB are left (the machine
/// has 15.2 GB of memory available): ADVICE".
void require_memory(const Memory& memory, double bytes, const std::string& what, const std::string& advice);

}  // namespace twinflow
