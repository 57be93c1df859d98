#include "support.h"

#include <algorithm>
#include <utility>

#include "finite.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

/// Of each class the mean of its rows.
Embeddings prototypes(const Embeddings& images, const std::vector<std::size_t>& of_class,
                      std::size_t classes) {
  std::vector<double> sums(classes * images.size), counts(classes);
  for (std::size_t i = 0; i < images.count; ++i) {
    counts[of_class[i]] += 1.0;
    for (std::size_t k = 0; k < images.size; ++k)
      sums[of_class[i] * images.size + k] += static_cast<double>(images.row(i)[k]);
  }
  Embeddings means(classes, images.size);
  for (std::size_t c = 0; c < classes; ++c)
    for (std::size_t k = 0; k < images.size; ++k)
      means.row(c)[k] = static_cast<float>(sums[c * images.size + k] / counts[c]);
  return means;
}

}  // namespace

Support::Support(Embeddings images, std::vector<std::size_t> of_class, Classify classify)
    : classify_(classify),
      classes_(1 + *std::max_element(of_class.begin(), of_class.end())),
      rows_(std::move(images)),
      of_class_(std::move(of_class)) {
  if (classify_ != Classify::prototype) return;
  rows_ = prototypes(rows_, of_class_, classes_);
  of_class_.resize(classes_);
  for (std::size_t c = 0; c < classes_; ++c) of_class_[c] = c;
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
    for (std::size_t i = 0; i < count; ++i) answers.push_back(answer(&d[i * rows_.count]));
  }
  return answers;
}

/// `d`: how far each of the rows is.
Support::Answer Support::answer(const float* d) const {
  std::vector<double> far(classes_), images(classes_);
  for (std::size_t i = 0; i < of_class_.size(); ++i) {
    double& mine = far[of_class_[i]];
    const auto one = static_cast<double>(d[i]);
    if (classify_ == Classify::nearest)
      mine = images[of_class_[i]] == 0.0 ? one : std::min(mine, one);
    else
      mine += one;
    images[of_class_[i]] += 1.0;
  }
  if (classify_ == Classify::mean_distance)
    for (std::size_t c = 0; c < classes_; ++c) far[c] /= images[c];
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
