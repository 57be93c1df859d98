#pragma once

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

}  // namespace twinflow::twin
