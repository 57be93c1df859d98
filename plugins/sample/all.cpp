#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "class_choice.h"
#include "require.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::sample {

/// Every image once an epoch.
class All final : public Source<ImageBatch>, public CountsMemory {
 public:
  static void describe(NodeSpec<All>& spec);
  void count_memory(MemoryNeed& need) override { need.gives_batch = batch_ > 0 ? batch_ : batch; }
  void open() override;
  std::uint64_t items() const override { return (images_->size() + batch_ - 1) / batch_; }
  ImageBatch make(const Item& item) const override;

 private:
  std::shared_ptr<const Dataset> data;
  std::size_t batch = 128;
  bool shuffle = false;

  struct Image {
    std::size_t index = 0;
    std::int32_t of_class = 0;
  };
  using Order = std::shared_ptr<const std::vector<Image>>;
  Order in_epoch(std::uint64_t epoch) const;

  Order images_;           // class by class
  std::size_t batch_ = 0;  // `batch`, or the whole set

  mutable std::mutex shuffling_;  // guards what follows
  mutable Order shuffled_;
  mutable std::uint64_t shuffled_epoch_ = 0;
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
  std::vector<Image> all;
  for (std::size_t i = 0; i < data->classes.size(); ++i)
    for (const std::size_t image : data->classes[i].images)
      all.push_back({image, static_cast<std::int32_t>(i)});
  batch_ = batch == 0 ? std::max<std::size_t>(all.size(), 1) : batch;
  images_ = std::make_shared<const std::vector<Image>>(std::move(all));
}

/// Shuffled once for all batches of an epoch: of many small images, that takes longer than to read a batch.
All::Order All::in_epoch(std::uint64_t epoch) const {
  if (!shuffle) return images_;
  const std::lock_guard lock(shuffling_);
  if (!shuffled_ || shuffled_epoch_ != epoch) {
    std::vector<Image> order = *images_;
    random({.epoch = epoch}, "order").shuffle(std::span(order));
    shuffled_ = std::make_shared<const std::vector<Image>>(std::move(order));
    shuffled_epoch_ = epoch;
  }
  return shuffled_;
}

ImageBatch All::make(const Item& item) const {
  const Order order = in_epoch(item.epoch);
  const std::size_t first = item.index * batch_, last = std::min(first + batch_, order->size());
  ImageBatch made;
  std::vector<Shot> shots;
  for (std::size_t i = first; i < last; ++i) {
    shots.push_back({(*order)[i].index});
    made.classes.push_back((*order)[i].of_class);
  }
  made.class_count = data->classes.size();
  made.images = Images(data->store, std::move(shots));
  return made;
}

TWINFLOW_NODE("sample.all", All)

}  // namespace twinflow::sample
