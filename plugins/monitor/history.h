#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace twinflow::monitor {

/// The measurements of a run so far, bounded: models and states carry it, and must not grow with the length
/// of the run. When it is full, every second of the older measurements is dropped; the last one and the best
/// by each metric always stay. What stays follows from the measurements alone, so a resumed run has the same.
/// (All measurements are in metrics.jsonl of the run directory.)
class History {
 public:
  static constexpr std::size_t limit =
      1000;  // measurements; more only where as many metrics each have a best

  History() = default;
  /// `lower`: for each metric, whether less is better.
  History(std::vector<std::string> metrics, std::vector<bool> lower);

  /// `epoch` counts from 0. `values`: one for each metric.
  void add(std::uint64_t epoch, std::uint64_t step, const std::vector<double>& values);
  bool empty() const { return entries_.empty(); }
  /// Whether a metric ever was a finite number.
  bool was_finite(std::size_t metric) const;

  /// A JSON array of {"epoch": counted from 1, "step": ..., "values": {METRIC: number, or null where it is
  /// not finite}}. The same for equal measurements, restored in between or not.
  std::string text() const;
  /// What text() gave, for the same metrics; "" and an array without its "]" are read as well, as older
  /// versions saved them. Throws nlohmann's exceptions where it is something else.
  void restore(const std::string& text);

 private:
  struct Entry {
    std::vector<double> values;
    std::string json;
  };
  std::optional<std::size_t> best(std::size_t metric) const;
  void thin();

  std::vector<std::string> metrics_;
  std::vector<bool> lower_;
  std::vector<Entry> entries_;
};

}  // namespace twinflow::monitor
