#pragma once

#include <tbb/enumerable_thread_specific.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "file_lock.h"
#include "twinflow/ports.h"
#include "twinflow/trace.h"

namespace twinflow {

/// What each thread did when, for chrome://tracing or Perfetto: a slice for every node body, with its item,
/// the slices that bodies add, and a counter of items in flight. Made only when asked for; each thread writes
/// to its own list. Format: "Trace Event Format" (Chromium project), JSON array of complete ("X") and counter
/// ("C") events, times in microseconds. Slices of one thread nest by their times.
class Trace final : public Tracer {
 public:
  /// `most`: how many events are kept, the first ones. A million takes 80 MB, and its file 130 MB.
  explicit Trace(std::uint64_t most = 1'000'000) : most_(most) {}

  void slice(std::string_view name, Clock::time_point begin, Clock::time_point end) override {
    List& list = lists_.local();
    auto known = list.names.find(name);
    if (known == list.names.end()) known = list.names.emplace(name).first;
    add(list, {Event::Kind::inside, &*known, {}, 0, begin, end});
  }
  /// `node` outlives the trace.
  void body(const std::string& node, const Item& item, Clock::time_point begin, Clock::time_point end) {
    add(lists_.local(), {Event::Kind::body, &node, item, 0, begin, end});
  }
  void count(std::uint64_t in_flight) {
    add(lists_.local(), {Event::Kind::count, nullptr, {}, in_flight, Clock::now(), {}});
  }
  /// The whole trace. No thread may be adding.
  std::string json() const;
  /// How many events came when there were `most` already.
  std::uint64_t left_out() const { return count_ > most_ ? count_ - most_ : 0; }

 private:
  struct Event {
    enum class Kind { body, inside, count } kind;
    const std::string* name;  // of a slice
    Item item;                // of a body
    std::uint64_t in_flight;  // of a count
    Clock::time_point begin, end;
  };
  struct List {
    std::vector<Event> events;
    std::set<std::string, std::less<>> names;  // that bodies gave: few, each often
  };
  void add(List& list, const Event& event) {
    if (count_.fetch_add(1, std::memory_order_relaxed) < most_) list.events.push_back(event);
  }

  const std::uint64_t most_;
  std::atomic<std::uint64_t> count_{0};
  const Clock::time_point start_ = Clock::now();
  tbb::enumerable_thread_specific<List> lists_;
};

/// The file that a trace is written to, by this run alone.
class TraceFile {
 public:
  /// Makes it, without a trace. Throws Error naming it when it cannot be written, or another run writes
  /// there.
  explicit TraceFile(const std::filesystem::path& file);
  /// Throws Error naming the file.
  void write(const std::string& json) const { folder_.write_atomically(name_, json); }

 private:
  const Folder folder_;
  const std::string name_;
  FileLock lock_;
};

}  // namespace twinflow
