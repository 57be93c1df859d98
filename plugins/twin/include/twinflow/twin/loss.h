#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// What a batch says about its images. One of the two is filled.
struct Labels {
  std::vector<std::int32_t> classes;  // class batch: one per image; every pair inside the batch counts
  std::vector<std::uint8_t> same;  // pair batch of B pairs: 1 where pair i, images i and B+i, shows one class

  bool pairs() const { return !same.empty(); }
  /// Whether the i-th of Loss::pairs(), which is `pair`, shows one class.
  bool same_class(std::size_t i, IndexPair pair) const {
    return pairs() ? same[i] != 0 : classes[pair.a] == classes[pair.b];
  }
};

/// What training makes small: a number from the distances of the pairs of a batch.
/// Const and safe from any thread once its parameters are bound.
class Loss {
 public:
  using Base = Loss;
  static constexpr const char* family = "loss";
  std::string type;

  virtual ~Loss() = default;

  /// The kinds of batch it can work with.
  virtual bool takes_pairs() const { return true; }
  virtual bool takes_classes() const { return true; }
  /// The kinds of distance: logits of "different", or distances from 0 upwards (Distance::gives_logits()).
  virtual bool needs_logits() const { return false; }
  virtual bool takes_logits() const { return true; }

  /// The distance from which on a pair counts as different, where the loss has one.
  virtual std::optional<double> threshold() const { return std::nullopt; }

  /// The pairs whose distances it wants: those of a pair batch, in their order; of a class batch every (i, j)
  /// with i < j, ordered by i, then j.
  virtual std::vector<IndexPair> pairs(const Labels& labels) const {
    std::vector<IndexPair> wanted;
    if (labels.pairs()) {
      const auto count = static_cast<std::uint32_t>(labels.same.size());
      for (std::uint32_t i = 0; i < count; ++i) wanted.push_back({i, count + i});
    } else {
      const auto count = static_cast<std::uint32_t>(labels.classes.size());
      wanted.reserve(std::size_t{count} * count / 2);
      for (std::uint32_t i = 0; i < count; ++i)
        for (std::uint32_t j = i + 1; j < count; ++j) wanted.push_back({i, j});
    }
    return wanted;
  }

  /// The loss, a mean, so that its size does not depend on that of the batch. `pairs`: what pairs(labels)
  /// gave; `d`: their distances. Overwrites gradient_d[i] with dloss/dd[i]. Throws Error when the batch has
  /// nothing to learn from.
  virtual double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
                       std::span<float> gradient_d) const = 0;
};

}  // namespace twinflow::twin
