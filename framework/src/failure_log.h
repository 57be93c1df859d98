#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "twinflow/value.h"

namespace twinflow {

/// Why a run has failed, and the next few failures: items that are under way at the same time mostly fail
/// alike. Safe from any thread; what is read needs no lock once the threads that record have ended.
class FailureLog {
 public:
  FailureLog();

  /// Records the exception that is being handled. `who`: "node 'a' (data.glyphs)"; may be empty. Needs no
  /// memory: without any, a long message is cut.
  void record(std::string_view who, const Place& place) noexcept;

  bool any() const noexcept { return any_; }
  const std::string& first() const { return first_; }
  const Place& place() const { return place_; }
  const std::vector<std::string>& later() const { return later_; }

 private:
  std::mutex mutex_;
  std::string first_;  // with room reserved
  Place place_;
  std::vector<std::string> later_;
  std::atomic<bool> any_{false};
};

}  // namespace twinflow
