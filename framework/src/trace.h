#pragma once

#include <tbb/enumerable_thread_specific.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "twinflow/ports.h"

namespace twinflow {

/// What each thread did when, for chrome://tracing or Perfetto: a slice for every node body, with its item,
/// and a counter of items in flight. Made only when asked for; each thread writes to its own list. Format:
/// "Trace Event Format" (Chromium project), JSON array of complete ("X") and counter ("C") events, times in
/// microseconds.
class Trace {
 public:
  using Clock = std::chrono::steady_clock;

  void slice(const std::string& name, const Item& item, Clock::time_point begin, Clock::time_point end) {
    lists_.local().push_back({&name, item, 0, begin, end});
  }
  void count(std::uint64_t in_flight) {
    lists_.local().push_back({nullptr, {}, in_flight, Clock::now(), {}});
  }
  /// Throws Error naming the file. No thread may be adding.
  void write(const std::filesystem::path& file) const;

 private:
  struct Event {
    const std::string* name;  // of the node, which outlives the trace; nullptr for a count
    Item item;                // of a slice
    std::uint64_t in_flight;  // of a count
    Clock::time_point begin, end;
  };
  const Clock::time_point start_ = Clock::now();
  tbb::enumerable_thread_specific<std::vector<Event>> lists_;
};

}  // namespace twinflow
