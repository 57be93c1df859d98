#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "class_choice.h"
#include "require.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

/// Every image once an epoch.
class All final : public Source<ImageBatch> {
 public:
  static void describe(NodeSpec<All>& spec);
  void open() override;
  std::uint64_t items() const override { return (images_.size() + batch_ - 1) / batch_; }
  ImageBatch make(const Item& item) const override;

 private:
  std::shared_ptr<const Dataset> data;
  std::size_t batch = 128;
  bool shuffle = false;

  struct Image {
    std::size_t index = 0;
    std::int32_t of_class = 0;
  };
  std::vector<Image> images_;
  std::size_t batch_ = 0;  // `batch`, or the whole set
};

void All::describe(NodeSpec<All>& spec) {
  spec.summary("Gives out every image of a data set once an epoch, in batches.");
  spec.example(R"([node.batches]
type = "sample.all"
from = "glyphs.train"
batch = 64
shuffle = true

[node.glyphs]
classes = 60)");
  spec.input("data", &All::data).doc("whose images");
  spec.output("out").doc("class by class, unless shuffled; an epoch's last batch may be smaller");
  spec.param("batch", &All::batch).min(0).doc("images in a batch; 0: the whole set is one batch");
  spec.param("shuffle", &All::shuffle).doc("another order in every epoch, rather than class by class");
}

void All::open() {
  require_classes(*data, ClassChoice(*data, false, {}), 1, "sample.all");
  for (std::size_t i = 0; i < data->classes.size(); ++i)
    for (const std::size_t image : data->classes[i].images)
      images_.push_back({image, static_cast<std::int32_t>(i)});
  batch_ = batch == 0 ? std::max<std::size_t>(images_.size(), 1) : batch;
}

/// The order of an epoch is drawn for each of its batches anew: that takes far less time than a batch's
/// images do, and leaves nothing to share.
ImageBatch All::make(const Item& item) const {
  std::vector<std::size_t> order(images_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Random random = this->random({.epoch = item.epoch}, "order");
  if (shuffle) random.shuffle(std::span(order));

  const std::size_t first = item.index * batch_, last = std::min(first + batch_, images_.size());
  ImageBatch made;
  std::vector<Shot> shots;
  for (std::size_t i = first; i < last; ++i) {
    shots.push_back({images_[order[i]].index});
    made.classes.push_back(images_[order[i]].of_class);
  }
  made.images = Images(data->store, std::move(shots));
  return made;
}

TWINFLOW_NODE("sample.all", All)

}  // namespace twinflow::sample
