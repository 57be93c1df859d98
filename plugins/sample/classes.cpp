#include <memory>
#include <vector>

#include "class_choice.h"
#include "require.h"
#include "twinflow/batch_form.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

/// P classes x K samples, in the order of sample_by_sample.
class Classes final : public Source<ImageBatch>, public CountsMemory, public MakesBatches {
 public:
  static void describe(NodeSpec<Classes>& spec);
  void count_memory(MemoryNeed& need) override { need.gives_batch = classes_per_batch * samples_per_class; }
  void open() override;
  ImageBatch make(const Item& item) const override;
  BatchForm batch_form() const override { return {classes_per_batch, samples_per_class}; }

 private:
  std::vector<std::size_t> members(Random& random) const;

  std::shared_ptr<const Dataset> data;
  std::size_t classes_per_batch = 48, samples_per_class = 2, groups_per_batch = 2;
  double group_fraction = 0.5;
  bool rotations = false;
  std::vector<ClassWeight> class_weights;

  ClassChoice choice_;
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
  spec.param("class_weights", &Classes::class_weights)
      .doc("classes that are drawn more often or never; all others have weight 1");
}

void Classes::open() {
  choice_ = ClassChoice(*data, rotations, class_weights);
  require_classes(*data, choice_, classes_per_batch, "classes_per_batch");
  require_images(*data, choice_, samples_per_class, "samples_per_class");
}

/// The classes that a batch is drawn from.
std::vector<std::size_t> Classes::members(Random& random) const {
  if (!random.coin(group_fraction)) return choice_.all();
  std::vector<std::size_t> taken;
  std::size_t groups = 0;
  for (const std::size_t group : random.choose(choice_.groups().size(), choice_.groups().size())) {
    const std::vector<std::size_t>& more = choice_.groups()[group];
    taken.insert(taken.end(), more.begin(), more.end());
    if (++groups >= groups_per_batch && taken.size() * choice_.turns() >= classes_per_batch) break;
  }
  return taken;
}

ImageBatch Classes::make(const Item& item) const {
  Random random = this->random(item, "batch");
  const std::vector<std::size_t> from = members(random);
  return sample_by_sample(data->store, choice_, choice_.choose(from, classes_per_batch, random),
                          samples_per_class, random);
}

TWINFLOW_NODE("sample.classes", Classes)

}  // namespace twinflow::sample
