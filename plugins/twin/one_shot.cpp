#include "one_shot.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "collapse.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

/// What one query scores: 1, 0, or 1/k for k ways tied. `d`: its distances to the support images.
double answer(const Task& task, std::int32_t truth, std::span<const float> d) {
  const auto ways = static_cast<std::size_t>(1 + *std::max_element(task.ways.begin(), task.ways.end()));
  std::vector<double> mean(ways), shots(ways);
  for (std::size_t s = 0; s < d.size(); ++s) {
    mean[static_cast<std::size_t>(task.ways[s])] += static_cast<double>(d[s]);
    shots[static_cast<std::size_t>(task.ways[s])] += 1.0;
  }
  for (std::size_t way = 0; way < ways; ++way) mean[way] /= shots[way];
  const double nearest = *std::min_element(mean.begin(), mean.end());
  if (mean[static_cast<std::size_t>(truth)] != nearest) return 0.0;
  return 1.0 / static_cast<double>(std::count(mean.begin(), mean.end(), nearest));
}

}  // namespace

Interval wilson_interval(double successes, std::size_t trials) {
  constexpr double z = 1.959963984540054;  // 97.5 % of a normal distribution lies below
  const double n = static_cast<double>(trials), p = successes / n;
  const double centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
  const double half = z / (1.0 + z * z / n) * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

OneShotScore score_tasks(const Embeddings& e, std::span<const Task> tasks, const Distance& distance,
                         std::span<const float> distance_weights) {
  std::vector<IndexPair> pairs;  // all at once, so that the distance does what it does per image once
  for (const Task& task : tasks)
    for (const std::size_t query : task.queries)
      for (const std::size_t support : task.support)
        pairs.push_back({static_cast<std::uint32_t>(support), static_cast<std::uint32_t>(query)});
  std::vector<float> d(pairs.size());
  distance.forward(e, pairs, distance_weights, d);
  if (!std::all_of(d.begin(), d.end(), [](float one) { return std::isfinite(one); }))
    throw Error("the model gives distances that are not finite numbers");

  OneShotScore score;
  double right = 0.0;
  std::size_t at = 0;
  for (const Task& task : tasks)
    for (const std::int32_t truth : task.answers) {
      right += answer(task, truth, std::span(d).subspan(at, task.support.size()));
      at += task.support.size();
      ++score.trials;
    }
  score.accuracy = right / static_cast<double>(score.trials);
  score.interval = wilson_interval(right, score.trials);
  score.collapsed = all_alike(e) || std::all_of(d.begin(), d.end(), [&](float one) { return one == d[0]; });
  return score;
}

}  // namespace twinflow::twin
