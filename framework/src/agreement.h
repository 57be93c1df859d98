#pragma once

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

  /// What a rank wants, and what all of them then do: what one of them wants, the slowest pace.
  struct Wish {
    std::int32_t signal = 0;      // that has come; the largest number of them
    bool budget = false;          // it is spent
    bool pause = false;           // to save the state
    double seconds = 0.0;         // an item took lately
    std::uint64_t next_step = 0;  // the same on all, or they have gone apart
  };
  Wish settle(const Wish& mine);

  /// Throws Error, naming what and who, where the text is not the first rank's.
  void require_same(const std::string& what, const std::string& text);
  /// The first rank's text.
  std::string of_first(const std::string& text);
  /// Every rank's.
  std::vector<std::string> of_all(const std::string& text);

 private:
  Ranks& ranks_;
  int channel_;
};

}  // namespace twinflow
