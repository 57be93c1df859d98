#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "twinflow/ranks.h"

namespace twinflow {

/// What ranks have to settle between items, so that all of them make the same steps, and have to tell each
/// other. Belongs to the main thread. Every call waits for the other ranks, and throws Error where one does
/// not answer.
class Agreement {
 public:
  explicit Agreement(Ranks& ranks) : ranks_(ranks), channel_(ranks.channel()) {}

  /// What a rank wants, and what all of them then do: what one of them wants.
  struct Wish {
    std::int32_t signal = 0;  // that has come; the largest number of them
    bool time_over = false;   // [run] max_time
    bool pause = false;       // to save the state
  };
  /// Items begin, with that one.
  void start(std::uint64_t step);
  /// Between items, before `step`, which is the same on all ranks, or they have gone apart: Error.
  const Wish& meet(const Wish& mine, std::uint64_t step);
  /// When they met last.
  const Wish& settled() const { return settled_; }
  /// How many items may start before they meet again: about two seconds' worth on the slowest rank, for then
  /// all stand still for a moment.
  std::uint64_t items_until_next() const;

  /// Throws Error, naming what and who, where the text is not the first rank's. Texts of one line are shown.
  void require_same(const std::string& what, const std::string& text);
  /// The first rank's text, or lines.
  std::string of_first(const std::string& text);
  std::vector<std::string> of_first(const std::vector<std::string>& lines);
  /// Every rank's.
  std::vector<std::string> of_all(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;

  Ranks& ranks_;
  int channel_;
  Wish settled_;
  double seconds_ = 0.0;    // for an item of late, of the slowest rank
  std::uint64_t step_ = 0;  // before which they met last,
  Clock::time_point at_;    // then
};

}  // namespace twinflow
