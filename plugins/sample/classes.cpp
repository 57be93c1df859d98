#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "gather.h"
#include "require.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

/// P classes x K samples, sample by sample: image s * P + p is sample s of the p-th class. A trainer splits a
/// batch into shards of neighbours, each with its own batch statistics: in this order a shard holds few
/// samples of one class, and the statistics do not give the classes away.
///
/// With rotations, a class is one of the data set's together with a number of quarter turns; its id is
/// class * 4 + turns.
class Classes final : public Source<ImageBatch> {
 public:
  static void describe(NodeSpec<Classes>& spec);
  void open() override;
  ImageBatch make(const Item& item) const override;

 private:
  std::size_t turns() const { return rotations ? 4 : 1; }
  std::vector<std::size_t> members(Random& random) const;

  std::shared_ptr<const Dataset> data;
  std::size_t classes_per_batch = 48, samples_per_class = 2, groups_per_batch = 2;
  double group_fraction = 0.5;
  bool rotations = false;

  std::vector<std::size_t> all_;                  // every class
  std::vector<std::vector<std::size_t>> groups_;  // the classes of each group that has any
};

void Classes::describe(NodeSpec<Classes>& spec) {
  spec.summary("Draws batches of several samples of each of several classes.");
  spec.example(R"([node.batches]
type = "sample.classes"
from = "glyphs.train"
classes_per_batch = 16
samples_per_class = 2
group_fraction = 0.5)");
  spec.input("data", &Classes::data).doc("what to draw from");
  spec.output("out").doc(
      "sample by sample: the first samples of all classes, then the second ones, and so on");
  spec.param("classes_per_batch", &Classes::classes_per_batch)
      .min(1)
      .doc("classes in a batch, all different");
  spec.param("samples_per_class", &Classes::samples_per_class).min(1).doc("images of each, all different");
  spec.param("group_fraction", &Classes::group_fraction)
      .range(0, 1)
      .doc("probability that a batch takes its classes from few groups, not from all");
  spec.param("groups_per_batch", &Classes::groups_per_batch)
      .min(1)
      .doc("how many groups those are; further ones are added while they have too few classes");
  spec.param("rotations", &Classes::rotations)
      .doc("whether every class, turned by 90, 180 and 270 degrees, makes three further classes");
}

void Classes::open() {
  require_classes(*data, classes_per_batch, turns(), "classes_per_batch");
  require_images(*data, samples_per_class, "samples_per_class");
  if (rotations) require_square(*data, "rotations");
  all_.resize(data->classes.size());
  std::iota(all_.begin(), all_.end(), std::size_t{0});
  for (auto& group : data->classes_by_group())
    if (!group.empty()) groups_.push_back(std::move(group));
}

/// The classes that a batch is drawn from.
std::vector<std::size_t> Classes::members(Random& random) const {
  if (!random.coin(group_fraction)) return all_;
  std::vector<std::size_t> taken;
  std::size_t groups = 0;
  for (const std::size_t group : random.choose(groups_.size(), groups_.size())) {
    taken.insert(taken.end(), groups_[group].begin(), groups_[group].end());
    if (++groups >= groups_per_batch && taken.size() * turns() >= classes_per_batch) break;
  }
  return taken;
}

ImageBatch Classes::make(const Item& item) const {
  Random random = this->random(item, "batch");
  const std::vector<std::size_t> from = members(random);
  const std::vector<std::size_t> chosen = random.choose(from.size() * turns(), classes_per_batch);

  ImageBatch batch;
  batch.classes.resize(classes_per_batch * samples_per_class);
  std::vector<Shot> shots(batch.classes.size());
  for (std::size_t p = 0; p < chosen.size(); ++p) {
    const std::size_t index = from[chosen[p] / turns()], turn = chosen[p] % turns();
    const std::vector<std::size_t>& images = data->classes[index].images;
    const std::vector<std::size_t> samples = random.choose(images.size(), samples_per_class);
    for (std::size_t s = 0; s < samples.size(); ++s) {
      shots[s * classes_per_batch + p] = {images[samples[s]], static_cast<int>(turn)};
      batch.classes[s * classes_per_batch + p] = static_cast<std::int32_t>(index * turns() + turn);
    }
  }
  batch.images = gather(*data->store, shots);
  return batch;
}

TWINFLOW_NODE("sample.classes", Classes)

}  // namespace twinflow::sample
