#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "choose.h"
#include "class_choice.h"
#include "listed.h"
#include "require.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

class Pairs final : public Source<PairBatch>, public CountsMemory {
 public:
  static void describe(NodeSpec<Pairs>& spec);
  void count_memory(MemoryNeed& need) override { need.gives_batch = 2 * pairs; }
  void open() override;
  PairBatch make(const Item& item) const override;

 private:
  std::size_t same_pairs(const Item& item) const;
  std::vector<Shot> of_classes(std::span<const std::uint8_t> same, Random& random) const;
  std::vector<Shot> of_list(std::span<const std::uint8_t> same, Random& random) const;
  const std::vector<std::size_t>& others(std::size_t left, Random& random) const;

  std::shared_ptr<const Dataset> data;
  std::size_t pairs = 32;
  double same_fraction = 0.5, negatives_in_group = 0;
  std::uint8_t label_of_same = 0;
  bool rotations = false;
  std::vector<ClassWeight> class_weights;

  ClassChoice choice_;
  std::vector<const std::vector<std::size_t>*> group_of_;  // of each class: all to draw from in its group
  std::optional<Listed> listed_;                           // where the data set is a list of pairs
};

void Pairs::describe(NodeSpec<Pairs>& spec) {
  spec.summary("Draws batches of pairs, of the same class or of different ones, in random order.");
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
  spec.param("rotations", &Pairs::rotations)
      .doc("whether every class, turned by 90, 180 and 270 degrees, makes three further classes");
  spec.param("class_weights", &Pairs::class_weights)
      .doc("classes that are drawn more often or never; all others have weight 1");
}

void Pairs::open() {
  if (!data->pairs.empty()) {
    for (const auto& [key, asked] : {std::pair("negatives_in_group", negatives_in_group > 0),
                                     {"rotations", rotations},
                                     {"class_weights", !class_weights.empty()}})
      if (asked)
        throw Error(fmt::format("{} is a list of pairs, which has no classes for {}", name_of(*data), key));
    listed_.emplace(*data, same_fraction);
    return;
  }
  choice_ = ClassChoice(*data, rotations, class_weights);
  require_classes(*data, choice_, same_fraction < 1 ? 2 : 1,
                  same_fraction < 1 ? "a different-class pair" : "a pair");
  require_images(*data, choice_, same_fraction > 0 ? 2 : 1,
                 same_fraction > 0 ? "a same-class pair" : "a pair");
  if (same_fraction < 1 && negatives_in_group > 0) require_company(*data, choice_, "negatives_in_group");
  group_of_.resize(data->classes.size());
  for (const std::vector<std::size_t>& group : choice_.groups())
    for (const std::size_t one : group) group_of_[one] = &group;
}

/// How many pairs of this batch are same-class ones. One pair cannot hold a share: then the steps do, the
/// first of two halves being different.
std::size_t Pairs::same_pairs(const Item& item) const {
  if (pairs > 1) return static_cast<std::size_t>(std::lround(same_fraction * static_cast<double>(pairs)));
  const double before = std::floor(same_fraction * static_cast<double>(item.step));
  const double after = std::floor(same_fraction * static_cast<double>(item.step + 1));
  return after > before ? 1 : 0;
}

/// What the right class of a different-class pair is drawn from.
const std::vector<std::size_t>& Pairs::others(std::size_t left, Random& random) const {
  return random.coin(negatives_in_group) ? *group_of_[left / choice_.turns()] : choice_.all();
}

/// Left images, then right ones. Left classes are drawn without replacement while there are enough; where
/// there are not, every class would come up, so that weights mean something only if each is drawn anew.
std::vector<Shot> Pairs::of_classes(std::span<const std::uint8_t> same, Random& random) const {
  const std::size_t present = choice_.all().size() * choice_.turns();
  const std::vector<std::size_t> left =
      choose_evenly(pairs > present && !class_weights.empty() ? 1 : present, pairs,
                    [&](std::size_t count) { return choice_.choose(choice_.all(), count, random); });
  std::vector<Shot> shots(2 * pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    if (same[i]) {
      const std::vector<Shot> two = choice_.images(left[i], 2, random);
      shots[i] = two[0], shots[pairs + i] = two[1];
    } else {
      const std::size_t right = choice_.other(left[i], others(left[i], random), random);
      shots[i] = choice_.images(left[i], 1, random)[0];
      shots[pairs + i] = choice_.images(right, 1, random)[0];
    }
  }
  return shots;
}

std::vector<Shot> Pairs::of_list(std::span<const std::uint8_t> same, Random& random) const {
  const std::vector<ListedPair> drawn = listed_->draw(same, random);
  std::vector<Shot> shots(2 * pairs);
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
  batch.images = Images(data->store, listed_ ? of_list(same, random) : of_classes(same, random));
  return batch;
}

TWINFLOW_NODE("sample.pairs", Pairs)

}  // namespace twinflow::sample
