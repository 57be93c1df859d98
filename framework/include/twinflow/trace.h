#pragma once

#include <chrono>
#include <string_view>

/// What a node spends its time on, for the trace that `flowrun --trace FILE` writes: slices with names of the
/// node's own, which the viewer shows inside of the slice of its body.
///
///     const Slice slice(run().trace(), "3.conv forward");   // ends with the scope
///
/// From any thread: a slice is shown in the row of the thread that adds it. Where no trace is asked for,
/// run().trace() is nullptr, and a slice costs a comparison.
namespace twinflow {

class Tracer {
 public:
  using Clock = std::chrono::steady_clock;

  virtual ~Tracer();
  /// Adds what this thread did from `begin` to `end`: both in one body, and either wholly inside of another
  /// slice or apart from it. The name is copied.
  virtual void slice(std::string_view name, Clock::time_point begin, Clock::time_point end) = 0;
};

/// From where it is made to the end of its scope. `name` has to live as long.
class Slice {
 public:
  Slice(Tracer* trace, std::string_view name) : trace_(trace), name_(name) {
    if (trace_) begin_ = Tracer::Clock::now();
  }
  ~Slice() {
    if (trace_) trace_->slice(name_, begin_, Tracer::Clock::now());
  }
  Slice(const Slice&) = delete;
  Slice& operator=(const Slice&) = delete;

 private:
  Tracer* trace_;
  std::string_view name_;
  Tracer::Clock::time_point begin_;
};

}  // namespace twinflow
