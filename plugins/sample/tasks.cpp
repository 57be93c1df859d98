#include <fmt/format.h>

#include <memory>
#include <vector>

#include "class_choice.h"
#include "require.h"
#include "twinflow/batch_form.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

/// N-way k-shot tasks as batches: N classes of one group or of all, and of each k support images and some
/// queries, in the order of sample_by_sample, so that the first N * k images are the support.
class Tasks final : public Source<ImageBatch>, public CountsMemory, public MakesBatches {
 public:
  static void describe(NodeSpec<Tasks>& spec);
  void count_memory(MemoryNeed& need) override { need.gives_batch = ways * (shots + queries); }
  void open() override;
  ImageBatch make(const Item& item) const override;
  BatchForm batch_form() const override { return {ways, shots + queries}; }

 private:
  std::shared_ptr<const Dataset> data;
  std::size_t ways = 20, shots = 1, queries = 1;
  double within_group = 1;
  bool rotations = false;
  std::vector<ClassWeight> class_weights;

  ClassChoice choice_;
  std::vector<std::size_t> large_;  // the groups that have a task's classes
};

void Tasks::describe(NodeSpec<Tasks>& spec) {
  spec.summary("Draws N-way k-shot tasks: of N classes each k support images and some queries.");
  spec.example(R"([node.batches]
type = "sample.tasks"
from = "glyphs.train"
ways = 5
shots = 1
queries = 3)");
  spec.input("data", &Tasks::data).doc("what to draw from");
  spec.output("out").doc(
      "the support of a task, ways * shots images, then its ways * queries queries; in both, first one image "
      "of every class, then the second ones, and so on");
  spec.param("ways", &Tasks::ways).min(2).doc("classes in a task");
  spec.param("shots", &Tasks::shots).min(1).doc("support images of each class");
  spec.param("queries", &Tasks::queries).min(1).doc("queries of each class; no image of the support");
  spec.param("within_group", &Tasks::within_group)
      .range(0, 1)
      .doc(
          "probability that all classes of a task are of one group, any that has enough; else they are of "
          "any "
          "groups");
  spec.param("rotations", &Tasks::rotations)
      .doc("whether every class, turned by 90, 180 and 270 degrees, makes three further classes");
  spec.param("class_weights", &Tasks::class_weights)
      .doc("classes that are drawn more often or never; all others have weight 1");
}

void Tasks::open() {
  choice_ = ClassChoice(*data, rotations, class_weights);
  require_classes(*data, choice_, ways, "ways");
  require_images(*data, choice_, shots + queries, "a task's support and queries");
  for (std::size_t i = 0; i < choice_.groups().size(); ++i)
    if (choice_.groups()[i].size() * choice_.turns() >= ways) large_.push_back(i);
  if (within_group > 0 && large_.empty())
    throw Error(fmt::format(
        "no {} of {} has the {} classes that a task within one needs; within_group = 0 draws over all",
        data->group_word, name_of(*data), ways));
}

ImageBatch Tasks::make(const Item& item) const {
  Random random = this->random(item, "task");
  const bool within = random.coin(within_group);
  const std::vector<std::size_t>& from =
      within ? choice_.groups()[large_[random.below(large_.size())]] : choice_.all();
  return sample_by_sample(data->store, choice_, choice_.choose(from, ways, random), shots + queries, random);
}

TWINFLOW_NODE("sample.tasks", Tasks)

}  // namespace twinflow::sample
