#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace twinflow::twin {

/// How far apart a model sees the images of a pair, and what they are.
struct JudgedDistance {
  float distance = 0.0f;
  bool same = false;
};

/// What comes of taking pairs for the same up to some distance, for every such distance (receiver operating
/// characteristic; Fawcett 2006, "An introduction to ROC analysis", Pattern Recognition Letters 27).
class Roc {
 public:
  struct Point {
    double threshold = 0.0;  // pairs up to this distance are taken for the same
    std::size_t false_accepts = 0, true_accepts = 0;
  };

  /// Finite distances, at least one of a same and one of a different pair.
  explicit Roc(std::span<const JudgedDistance> pairs);

  /// From none taken for the same (threshold: minus infinity) to all, one for each distance that occurs.
  const std::vector<Point>& points() const { return points_; }
  double false_accept_rate(const Point& point) const {
    return static_cast<double>(point.false_accepts) / static_cast<double>(different_);
  }
  double true_accept_rate(const Point& point) const {
    return static_cast<double>(point.true_accepts) / static_cast<double>(same_);
  }

  /// The area under it: the probability that a same pair is nearer than a different one, both chosen at
  /// random, ties counting half (Mann and Whitney 1947; Fawcett 2006, section 7). Exact.
  double area() const;
  /// Where as large a part of the different pairs is accepted as of the same ones is rejected. From point to
  /// point the curve is a straight line, as if ties were broken at random (Fawcett 2006, section 5), so there
  /// is exactly one such place.
  double equal_error_rate() const;
  /// Up to which distance to take pairs for the same so that most pairs are judged rightly: a half of the way
  /// from one distance that occurs to the next. Of several that are as good: in the widest gap, there the
  /// smallest. To take all for the same, or none, counts only where it is better than any of these; then it
  /// is the largest distance, or the next number below the smallest.
  double best_threshold() const;

 private:
  std::vector<Point> points_;
  std::size_t same_ = 0, different_ = 0;
};

/// What a threshold makes of pairs: how many of each kind are taken for the same, distances up to it.
Roc::Point judge(std::span<const JudgedDistance> pairs, double threshold);

/// The points as CSV: threshold,false_accept_rate,true_accept_rate. At most `most` of them, at even
/// distances, the first and the last among them.
std::string roc_csv(const Roc& roc, std::size_t most);

}  // namespace twinflow::twin
