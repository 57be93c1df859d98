#include "choose.h"

#include <algorithm>

namespace twinflow::sample {

std::vector<std::size_t> choose_evenly(Random& random, std::size_t from, std::size_t count) {
  std::vector<std::size_t> chosen;
  while (chosen.size() < count) {
    const std::vector<std::size_t> more = random.choose(from, std::min(count - chosen.size(), from));
    chosen.insert(chosen.end(), more.begin(), more.end());
  }
  return chosen;
}

}  // namespace twinflow::sample
