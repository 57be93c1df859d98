#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace twinflow::sample {

/// `count` numbers without replacement; where they are more than the `from` that there are, every number
/// comes up before any comes again. choose(n): n different ones, n at most `from`, which is at least 1,
/// unless `count` is 0.
template <class Choose>
std::vector<std::size_t> choose_evenly(std::size_t from, std::size_t count, Choose&& choose) {
  std::vector<std::size_t> chosen;
  while (chosen.size() < count) {
    const std::vector<std::size_t> more = choose(std::min(count - chosen.size(), from));
    chosen.insert(chosen.end(), more.begin(), more.end());
  }
  return chosen;
}

}  // namespace twinflow::sample
