#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "choose.h"
#include "gather.h"
#include "listed.h"
#include "require.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

class Pairs final : public Source<PairBatch> {
 public:
  static void describe(NodeSpec<Pairs>& spec);
  void open() override;
  PairBatch make(const Item& item) const override;

 private:
  std::size_t same_pairs(const Item& item) const;
  std::vector<Shot> of_classes(std::span<const std::uint8_t> same, Random& random) const;
  std::vector<Shot> of_list(std::span<const std::uint8_t> same, Random& random) const;
  std::size_t other_class(std::size_t left, Random& random) const;

  std::shared_ptr<const Dataset> data;
  std::size_t pairs = 32;
  double same_fraction = 0.5, negatives_in_group = 0;
  std::uint8_t label_of_same = 0;

  std::vector<std::vector<std::size_t>> groups_;  // the classes of each group
  std::optional<Listed> listed_;                  // where the data set is a list of pairs
};

void Pairs::describe(NodeSpec<Pairs>& spec) {
  spec.summary(
      "Draws batches of pairs, of the same class or of different ones, in random order: of all that the "
      "classes "
      "allow or, from a list of pairs, of those.");
  spec.example(R"([node.batches]
type = "sample.pairs"
from = "glyphs.train"
pairs = 32
same_fraction = 0.5)");
  spec.input("data", &Pairs::data).doc("what to draw from");
  spec.output("out").doc("pair i is image i and image pairs + i");
  spec.param("pairs", &Pairs::pairs).min(1).doc("pairs in a batch: half as many as images");
  spec.param("same_fraction", &Pairs::same_fraction)
      .range(0, 1)
      .doc(
          "share of same-class pairs, rounded to whole pairs; batches of one pair alternate to keep the "
          "share");
  spec.param("negatives_in_group", &Pairs::negatives_in_group)
      .range(0, 1)
      .doc("probability that a different-class pair stays within one group; else its classes are any two");
  spec.param("label_of_same", &Pairs::label_of_same).range(0, 1).doc("the label of a same-class pair");
}

void Pairs::open() {
  if (!data->pairs.empty()) {
    if (negatives_in_group > 0)
      throw Error(name_of(*data) +
                  " is a list of pairs, which has no groups: negatives_in_group has to be 0");
    listed_.emplace(*data, same_fraction);
    return;
  }
  require_classes(*data, same_fraction < 1 ? 2 : 1, 1,
                  same_fraction < 1 ? "a different-class pair" : "a pair");
  require_images(*data, same_fraction > 0 ? 2 : 1, same_fraction > 0 ? "a same-class pair" : "a pair");
  if (same_fraction < 1 && negatives_in_group > 0) require_company(*data, "negatives_in_group");
  groups_ = data->classes_by_group();
}

/// How many pairs of this batch are same-class ones. One pair cannot hold a share: then the steps do, the
/// first of two halves being different.
std::size_t Pairs::same_pairs(const Item& item) const {
  if (pairs > 1) return static_cast<std::size_t>(std::lround(same_fraction * static_cast<double>(pairs)));
  const double before = std::floor(same_fraction * static_cast<double>(item.step));
  const double after = std::floor(same_fraction * static_cast<double>(item.step + 1));
  return after > before ? 1 : 0;
}

/// The last candidate takes the place of `left`, so that all others are equally likely.
std::size_t Pairs::other_class(std::size_t left, Random& random) const {
  if (random.coin(negatives_in_group)) {
    const std::vector<std::size_t>& group = groups_[data->classes[left].group];
    const std::size_t drawn = group[random.below(group.size() - 1)];
    return drawn == left ? group.back() : drawn;
  }
  const std::size_t drawn = random.below(data->classes.size() - 1);
  return drawn == left ? data->classes.size() - 1 : drawn;
}

/// Left images, then right ones. Left classes are drawn without replacement.
std::vector<Shot> Pairs::of_classes(std::span<const std::uint8_t> same, Random& random) const {
  const std::vector<std::size_t> left = choose_evenly(random, data->classes.size(), pairs);
  std::vector<Shot> shots(2 * pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::vector<std::size_t>& images = data->classes[left[i]].images;
    if (same[i]) {
      const std::vector<std::size_t> two = random.choose(images.size(), 2);
      shots[i] = {images[two[0]]};
      shots[pairs + i] = {images[two[1]]};
    } else {
      const std::vector<std::size_t>& others = data->classes[other_class(left[i], random)].images;
      shots[i] = {images[random.below(images.size())]};
      shots[pairs + i] = {others[random.below(others.size())]};
    }
  }
  return shots;
}

std::vector<Shot> Pairs::of_list(std::span<const std::uint8_t> same, Random& random) const {
  std::vector<Shot> shots(2 * pairs);
  const std::vector<ListedPair> drawn = listed_->draw(same, random);
  for (std::size_t i = 0; i < pairs; ++i) {
    shots[i] = {drawn[i].left};
    shots[pairs + i] = {drawn[i].right};
  }
  return shots;
}

PairBatch Pairs::make(const Item& item) const {
  Random random = this->random(item, "batch");
  std::vector<std::uint8_t> same(pairs, 0);
  std::fill_n(same.begin(), same_pairs(item), std::uint8_t{1});
  random.shuffle(std::span(same));

  PairBatch batch;
  batch.label_of_same = label_of_same;
  for (const std::uint8_t one : same) batch.labels.push_back(one ? label_of_same : 1 - label_of_same);
  batch.images = gather(*data->store, listed_ ? of_list(same, random) : of_classes(same, random));
  return batch;
}

TWINFLOW_NODE("sample.pairs", Pairs)

}  // namespace twinflow::sample
