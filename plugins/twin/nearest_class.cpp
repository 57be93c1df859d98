#include "nearest_class.h"

#include <algorithm>
#include <limits>

namespace twinflow::twin {

void write_prototypes(std::span<const float* const> images, std::span<const std::int32_t> of_class,
                      std::size_t size, std::size_t classes, float* to) {
  std::vector<double> sums(classes * size), counts(classes);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto c = static_cast<std::size_t>(of_class[i]);
    counts[c] += 1.0;
    for (std::size_t k = 0; k < size; ++k) sums[c * size + k] += static_cast<double>(images[i][k]);
  }
  for (std::size_t c = 0; c < classes; ++c)
    for (std::size_t k = 0; k < size; ++k)
      to[c * size + k] = static_cast<float>(sums[c * size + k] / counts[c]);
}

template <class Number>
void write_class_distances(Classify classify, std::span<const Number> d,
                           std::span<const std::int32_t> of_class, std::size_t classes,
                           std::vector<double>& far, std::vector<double>& counts) {
  if (classify == Classify::prototype) return far.assign(d.begin(), d.end());
  const bool nearest = classify == Classify::nearest;
  far.assign(classes, nearest ? std::numeric_limits<double>::infinity() : 0.0);
  counts.assign(classes, 0.0);
  for (std::size_t i = 0; i < d.size(); ++i) {
    const auto c = static_cast<std::size_t>(of_class[i]);
    const auto one = static_cast<double>(d[i]);
    far[c] = nearest ? std::min(far[c], one) : far[c] + one;
    counts[c] += 1.0;
  }
  if (nearest) return;
  for (std::size_t c = 0; c < classes; ++c) far[c] /= counts[c];
}

template void write_class_distances<float>(Classify, std::span<const float>, std::span<const std::int32_t>,
                                           std::size_t, std::vector<double>&, std::vector<double>&);
template void write_class_distances<double>(Classify, std::span<const double>, std::span<const std::int32_t>,
                                            std::size_t, std::vector<double>&, std::vector<double>&);

}  // namespace twinflow::twin
