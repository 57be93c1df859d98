#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace twinflow::twin {

/// Which class is nearest to a query, where a class is shown in several images: by the mean of their
/// distances, by the distance to the mean of their embeddings, its prototype (Snell, Swersky & Zemel 2017,
/// "Prototypical networks for few-shot learning"), or by the smallest distance. With one image all are the
/// same.
enum class Classify { mean_distance, prototype, nearest };

/// As a parameter calls them.
inline std::vector<std::pair<std::string, Classify>> classify_names() {
  return {{"mean_distance", Classify::mean_distance},
          {"prototype", Classify::prototype},
          {"nearest", Classify::nearest}};
}

/// Of each class 0, 1, ... `classes` - 1 the mean of its images' embeddings, row by row into `to`. Image i,
/// of class of_class[i], is the `size` numbers from images[i] on; each class has an image at least.
void write_prototypes(std::span<const float* const> images, std::span<const std::int32_t> of_class,
                      std::size_t size, std::size_t classes, float* to);

/// How far each class is from a query, into `far`. `d`: how far from it each prototype is, or otherwise each
/// image. `counts`: room, so that many queries need no more of it. Number: float or double.
template <class Number>
void write_class_distances(Classify classify, std::span<const Number> d,
                           std::span<const std::int32_t> of_class, std::size_t classes,
                           std::vector<double>& far, std::vector<double>& counts);

}  // namespace twinflow::twin
