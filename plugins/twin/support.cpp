#include "support.h"

#include <algorithm>
#include <utility>

#include "finite.h"
#include "twinflow/error.h"

namespace twinflow::twin {
Support::Support(Embeddings images, std::vector<std::int32_t> of_class, Classify classify)
    : classify_(classify),
      classes_(1 + static_cast<std::size_t>(*std::max_element(of_class.begin(), of_class.end()))),
      rows_(std::move(images)),
      of_class_(std::move(of_class)) {
  if (classify_ != Classify::prototype) return;
  std::vector<const float*> shown;
  for (std::size_t i = 0; i < rows_.count; ++i) shown.push_back(rows_.row(i));
  Embeddings prototypes(classes_, rows_.size);
  write_prototypes(shown, of_class_, rows_.size, classes_, prototypes.row(0));
  rows_ = std::move(prototypes);
}

std::vector<Support::Answer> Support::classify(const Model& model, const Embeddings& queries) const {
  constexpr std::size_t pairs_at_once = 1 << 20;
  const std::size_t part = std::max<std::size_t>(1, pairs_at_once / rows_.count);
  std::vector<Answer> answers;
  for (std::size_t first = 0; first < queries.count; first += part) {
    const std::size_t count = std::min(part, queries.count - first);
    Embeddings both = rows_;
    both.count += count;
    both.values.insert(both.values.end(), queries.row(first), queries.row(first + count));
    std::vector<IndexPair> pairs;
    pairs.reserve(count * rows_.count);
    for (std::size_t query = rows_.count; query < both.count; ++query)
      for (std::size_t row = 0; row < rows_.count; ++row)
        pairs.push_back({static_cast<std::uint32_t>(row), static_cast<std::uint32_t>(query)});
    std::vector<float> d(pairs.size());
    model.distance->forward(both, pairs, model.distance_weights(), d);
    if (!all_finite(d)) throw Error("the model gives distances that are not finite numbers");
    for (std::size_t i = 0; i < count; ++i)
      answers.push_back(answer(std::span(d).subspan(i * rows_.count, rows_.count)));
  }
  return answers;
}

/// `d`: how far each of the rows is.
Support::Answer Support::answer(std::span<const float> d) const {
  std::vector<double> far, counts;
  write_class_distances(classify_, d, of_class_, classes_, far, counts);
  const auto nearest = std::min_element(far.begin(), far.end());
  Answer made;
  made.nearest = static_cast<std::size_t>(nearest - far.begin());
  made.distance = *nearest;
  if (classes_ == 1) return made;
  *nearest = std::numeric_limits<double>::infinity();
  made.margin = *std::min_element(far.begin(), far.end()) - made.distance;
  return made;
}

}  // namespace twinflow::twin
