#include "each_image.h"

#include <tbb/parallel_for.h>

#include <vector>

#include "draw_each.h"

namespace twinflow::augment {

void EachImage::check(const Checking& checking) const { check_same_for_both(checking, same_for_both); }

AnyBatch EachImage::apply(AnyBatch batch, const Item& item) const {
  Random random = this->random(item, "changes");
  std::vector<Random> own = draw_each(batch, same_for_both, [&] {
    const std::uint64_t high = random.bits();
    return Random(high << 32 | random.bits(), item.epoch, item.index);
  });
  Images& images = images_of(batch);
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    if (own[i].coin(probability)) change(images, i, own[i]);
  });
  return batch;
}

}  // namespace twinflow::augment
