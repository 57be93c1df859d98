#include "listed.h"

#include <fmt/format.h>

#include <algorithm>

#include "choose.h"
#include "require.h"
#include "twinflow/error.h"

namespace twinflow::sample {

Listed::Listed(const Dataset& data, double same_fraction) {
  for (const ListedPair& pair : data.pairs) pairs_[pair.same].push_back(pair);
  const auto require = [&](bool same, double share) {
    if (share > 0 && pairs_[same].empty())
      throw Error(fmt::format("{} lists no {} pair, but same_fraction is {}", name_of(data),
                              same ? "same" : "different", same_fraction));
  };
  require(true, same_fraction);
  require(false, 1 - same_fraction);
}

std::vector<ListedPair> Listed::draw(std::span<const std::uint8_t> same, Random& random) const {
  std::vector<std::size_t> order[2];
  for (const bool label : {true, false}) {
    const auto count = static_cast<std::size_t>(std::count(same.begin(), same.end(), label));
    const std::size_t all = pairs_[label].size();
    order[label] = choose_evenly(all, count, [&](std::size_t n) { return random.choose(all, n); });
  }
  std::vector<ListedPair> drawn;
  for (const std::uint8_t label : same) {
    drawn.push_back(pairs_[label][order[label].back()]);
    order[label].pop_back();
  }
  return drawn;
}

}  // namespace twinflow::sample
