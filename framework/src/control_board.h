#pragma once

#include <map>
#include <string>

#include "plan.h"

namespace twinflow {

/// The slots of a run's control board, and who publishes and reads them. Used while no item is under way.
class ControlBoard {
 public:
  /// Connects publishers and readers; the board must outlive their use.
  void connect(Plan& plan);
  /// At the end of an epoch: what was published is what readers see from now on.
  void turn();
  State save() const;
  void restore(const State& state);

 private:
  std::map<std::string, BoardSlot> slots_;  // those that somebody publishes
};

}  // namespace twinflow
