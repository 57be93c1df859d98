#include "batch_figures.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace twinflow::twin {

BatchFigures figures_of(const Labels& labels, std::span<const IndexPair> pairs,
                        std::span<const float> distances, std::optional<double> threshold) {
  std::vector<float> same, different;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    (labels.same_class(i, pairs[i]) ? same : different).push_back(distances[i]);
  const auto mean = [](const std::vector<float>& all) {
    double sum = 0.0;
    for (const float one : all) sum += one;
    return all.empty() ? 0.0 : sum / static_cast<double>(all.size());
  };
  BatchFigures figures{mean(same), mean(different), 0.0};
  if (pairs.empty()) return figures;

  std::sort(same.begin(), same.end());
  std::sort(different.begin(), different.end());
  const auto part = [](std::size_t right, std::size_t all) {
    return static_cast<double>(right) / static_cast<double>(all);
  };
  const auto accuracy = [&](std::size_t same_below, std::size_t different_below) {
    if (same.empty()) return part(different.size() - different_below, different.size());
    if (different.empty()) return part(same_below, same.size());
    return 0.5 * (part(same_below, same.size()) + part(different.size() - different_below, different.size()));
  };
  if (threshold) {
    const auto below = [&](const std::vector<float>& all) {
      return static_cast<std::size_t>(
          std::partition_point(all.begin(), all.end(), [&](float d) { return d < *threshold; }) -
          all.begin());
    };
    figures.accuracy = accuracy(below(same), below(different));
    return figures;
  }
  // Each distance of a same pair, just included, is a threshold that may be the best.
  figures.accuracy = accuracy(0, 0);
  std::size_t below = 0;
  for (std::size_t i = 0; i < same.size(); ++i) {
    while (below < different.size() && different[below] <= same[i]) ++below;
    figures.accuracy = std::max(figures.accuracy, accuracy(i + 1, below));
  }
  return figures;
}

}  // namespace twinflow::twin
