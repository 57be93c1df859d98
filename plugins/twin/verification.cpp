#include "verification.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace twinflow::twin {

Roc::Roc(std::span<const JudgedDistance> pairs) {
  std::vector<JudgedDistance> sorted(pairs.begin(), pairs.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const JudgedDistance& a, const JudgedDistance& b) { return a.distance < b.distance; });
  points_.push_back({-std::numeric_limits<double>::infinity(), 0, 0});
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    (sorted[i].same ? same_ : different_) += 1;
    if (i + 1 == sorted.size() || sorted[i + 1].distance != sorted[i].distance)
      points_.push_back({static_cast<double>(sorted[i].distance), different_, same_});
  }
}

double Roc::area() const {
  std::uint64_t halves = 0;  // pairs of a different and a same pair; those that tie count one half
  for (std::size_t i = 1; i < points_.size(); ++i)
    halves += static_cast<std::uint64_t>(points_[i].false_accepts - points_[i - 1].false_accepts) *
              (points_[i].true_accepts + points_[i - 1].true_accepts);
  return static_cast<double>(halves) / (2.0 * static_cast<double>(same_) * static_cast<double>(different_));
}

double Roc::equal_error_rate() const {
  // False accepts less false rejects, over the common denominator: from below 0 to above, at each point more.
  const auto excess = [&](const Point& point) {
    return static_cast<std::int64_t>(point.false_accepts * same_) -
           static_cast<std::int64_t>((same_ - point.true_accepts) * different_);
  };
  std::size_t next = 1;
  while (excess(points_[next]) < 0) ++next;
  const Point &before = points_[next - 1], &after = points_[next];
  const double below = static_cast<double>(-excess(before)), above = static_cast<double>(excess(after));
  return std::lerp(false_accept_rate(before), false_accept_rate(after), below / (below + above));
}

double Roc::best_threshold() const {
  const auto right = [&](const Point& point) {
    return point.true_accepts + different_ - point.false_accepts;
  };
  const std::size_t last = points_.size() - 1;
  const auto gap = [&](std::size_t i) { return points_[i + 1].threshold - points_[i].threshold; };
  std::size_t best = last;
  for (std::size_t i = 1; i < last; ++i)
    if (best == last || right(points_[i]) > right(points_[best]) ||
        (right(points_[i]) == right(points_[best]) && gap(i) > gap(best)))
      best = i;
  if (right(points_[last]) > right(points_[best])) best = last;
  if (right(points_[0]) > right(points_[best]))
    return std::nextafter(points_[1].threshold, -std::numeric_limits<double>::infinity());
  return best == last ? points_[last].threshold : points_[best].threshold + gap(best) / 2.0;
}

Roc::Point judge(std::span<const JudgedDistance> pairs, double threshold) {
  Roc::Point made{threshold, 0, 0};
  for (const JudgedDistance& pair : pairs)
    if (static_cast<double>(pair.distance) <= threshold)
      (pair.same ? made.true_accepts : made.false_accepts) += 1;
  return made;
}

std::string roc_csv(const Roc& roc, std::size_t most) {
  std::string text = "threshold,false_accept_rate,true_accept_rate\n";
  const std::size_t last = roc.points().size() - 1, lines = std::min(last + 1, most);
  for (std::size_t line = 0; line < lines; ++line) {
    const Roc::Point& point = roc.points()[line * last / (lines - 1)];
    text += fmt::format("{},{},{}\n", static_cast<float>(point.threshold), roc.false_accept_rate(point),
                        roc.true_accept_rate(point));
  }
  return text;
}

}  // namespace twinflow::twin
