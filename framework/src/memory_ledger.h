#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "plan.h"
#include "twinflow/memory.h"
#include "twinflow/memory_need.h"

namespace twinflow {

/// All that a run will hold in memory, by node, compared with what it may take. Main thread.
class MemoryLedger {
 public:
  struct Conditions {
    int threads = 1, in_flight = 1;  // of the run
    int shared = 1;                  // ranks that share each batch
    bool first = true;               // this process is the first rank, or the only one
  };

  /// `memory`: as it is before the run takes any.
  MemoryLedger(Memory memory, Conditions conditions) : memory_(std::move(memory)), conditions_(conditions) {}

  /// Calls a node's code (an index into plan.nodes); false where that has failed.
  using Call = std::function<bool(std::size_t node, const std::function<void()>& code)>;
  /// Asks every node of the graph what it will hold, in place of what they answered before. `shapes`: of the
  /// images of nodes (indices into plan.nodes) whose data have been opened. Throws Error, which lists the
  /// pieces, when all do not fit. Stops where a call has failed.
  void ask(const Plan& plan, const std::map<std::size_t, ImageShape>& shapes, const Call& call);

  /// A node tells of one more piece that it is about to take. Throws Error when all do not fit.
  void hold(std::string_view node, MemoryPiece piece);

  double sum() const;  // bytes
  /// A sentence where the run fits, but takes so much that the system slows it down (memory.high); else "".
  std::string slowed() const;

 private:
  struct Entry {
    std::string node;
    MemoryPiece piece;
  };
  void add(const std::string& node, MemoryNeed& need);
  void require() const;
  std::string text() const;

  Memory memory_;
  Conditions conditions_;
  std::vector<Entry> asked_, told_;
};

}  // namespace twinflow
