#pragma once

#include <signal.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>

#include <cstdint>
#include <string>

#include "twinflow/param.h"
#include "twinflow/ports.h"

/// Says whose code it was when a process crashes. Plugins run inside the process: nothing can be saved any
/// more after a crash in one, but its node can be named.
namespace twinflow {

/// Where a thread is. Texts live as long as the process, or as the plan whose nodes they belong to.
struct CodePlace {
  const char* node = nullptr;     // its name; nullptr where a library is loaded
  const char* type = nullptr;     // of the node
  const char* library = nullptr;  // nullptr: this thread is in nobody's code
  Item item;
  bool has_item = false;
};

/// While it lives, what this thread does is that node's code, or that library's. Takes some stores: it may
/// stand around every call. They nest.
class InCodeOf {
 public:
  InCodeOf(const std::string& node, const TypeInfo& type, const Item* item = nullptr);
  /// Its static initialisers.
  explicit InCodeOf(const std::string& library);
  /// As `there` says: for work that a thread has given to this one.
  explicit InCodeOf(const CodePlace& there);
  ~InCodeOf();
  InCodeOf(const InCodeOf&) = delete;
  InCodeOf& operator=(const InCodeOf&) = delete;

  static CodePlace here();

 private:
  const CodePlace before_;
};

/// From here on, SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT are reported on standard error, with the place
/// in which the thread was and the state saved last, before they end the process as they would have. exit()
/// in a node's code is reported likewise, and ends the process with code 1. For the start of main().
void report_crashes();

/// The signals above, so that threads that block signals leave them alone.
inline constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

/// What to name as the state saved last; "" for none.
void report_state_in_crashes(const std::string& file);

/// Gives the threads of the arena in which it is made a stack for signal handlers: oneDNN's kernels use the
/// stack pointer for other things, so that a handler must not run on their stack.
class CrashStacks : public tbb::task_scheduler_observer {
 public:
  explicit CrashStacks(tbb::task_arena& arena);
  ~CrashStacks() override;
  void on_scheduler_entry(bool is_worker) override;
};

}  // namespace twinflow
