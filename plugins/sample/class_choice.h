#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/random.h"
#include "twinflow/spec.h"

namespace twinflow::sample {

/// How often the classes of a name come up: `{ classes = "Greek/.*", weight = 2.0 }`.
struct ClassWeight {
  static void describe(TableSpec<ClassWeight>& spec);
  void check(const Checking& checking) const;
  std::string classes;
  double weight = 1;
};

/// The classes that a sampler draws from. With rotations, every class of the data set together with a number
/// of quarter turns is a class by itself. Classes are named by number, class * turns() + quarter turns.
class ClassChoice {
 public:
  ClassChoice() = default;
  /// Throws Error, naming the data set, when rotations are asked of images that are not square, or a pattern
  /// of the weights is malformed, fits no class, or fits one that another pattern fits.
  ClassChoice(const Dataset& data, bool rotations, const std::vector<ClassWeight>& weights);

  std::size_t turns() const { return turns_; }
  /// All numbers are below it.
  std::size_t count() const { return data_->classes.size() * turns_; }
  /// All classes of the data set of a weight above 0, without their turns; and those of each group that has
  /// any.
  const std::vector<std::size_t>& all() const { return all_; }
  const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }

  /// `count` different classes of `from` (as in all(), or a group): each in turn with a probability in
  /// proportion to its weight, among those that are left. Throws Error when there are not as many.
  std::vector<std::size_t> choose(const std::vector<std::size_t>& from, std::size_t count,
                                  Random& random) const;
  /// One class of `from` other than `left`, which is one of them; there must be another.
  std::size_t other(std::size_t left, const std::vector<std::size_t>& from, Random& random) const;

  /// `count` different images of a class, in random order.
  std::vector<Shot> images(std::size_t number, std::size_t count, Random& random) const;

 private:
  /// The class at that place of `from` with its turns.
  std::size_t number(const std::vector<std::size_t>& from, std::size_t place) const {
    return from[place / turns_] * turns_ + place % turns_;
  }
  std::size_t weighted_other(std::size_t left, const std::vector<std::size_t>& from, Random& random) const;

  const Dataset* data_ = nullptr;
  std::size_t turns_ = 1;
  std::vector<double> weights_;  // of each class of the data set; empty: all alike
  std::vector<std::size_t> all_;
  std::vector<std::vector<std::size_t>> groups_;
};

/// A batch of the same number of images of each of several classes, sample by sample: image s * P + p is
/// sample s of the p-th class. A trainer splits a batch into shards of neighbours, each with its own batch
/// statistics: in this order a shard holds few samples of one class, and the statistics do not give the
/// classes away. Its class ids are the numbers.
ImageBatch sample_by_sample(const std::shared_ptr<const PixelStore>& store, const ClassChoice& choice,
                            const std::vector<std::size_t>& numbers, std::size_t samples, Random& random);

}  // namespace twinflow::sample
