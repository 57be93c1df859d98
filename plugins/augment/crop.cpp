#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <string>
#include <utility>
#include <vector>

#include "draw_each.h"
#include "target_size.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"
#include "warp.h"

namespace twinflow::augment {

/// torchvision's RandomCrop and CenterCrop. Where a centre crop leaves an odd number of rows or columns, one
/// more goes at the bottom or right.
class Crop final : public Map<AnyBatch, AnyBatch>, public TargetSize {
 public:
  static constexpr bool takes_share = true;
  static void describe(NodeSpec<Crop>& spec);
  void check(const Checking& checking) const;
  AnyBatch apply(AnyBatch batch, const Item& item) const override;

 private:
  enum class Where { random, centre };

  /// What is wrong with images of that size; "" when a crop can be cut out of them.
  std::string misfit(std::size_t height, std::size_t width) const;

  Where where = Where::random;
  std::size_t padding = 0;
  Fill fill = Fill::constant;
  double cval = 0;
  bool same_for_both = false;
};

void Crop::describe(NodeSpec<Crop>& spec) {
  spec.summary(
      "Cuts a smaller image out of every image, at a random place or from its centre. "
      "twin.evaluate sends its images through it where its `through` says so.");
  spec.example(R"([node.cropped]
type = "augment.crop"
from = "augmented"
size = 20
padding = 2)");
  describe_size(spec);
  spec.param("where", &Crop::where)
      .names({{"random", Where::random}, {"centre", Where::centre}})
      .doc("any place with the same probability, each image by itself, or the centre");
  spec.param("padding", &Crop::padding)
      .unit("pixels")
      .range(0, 32767)
      .doc("by how much each side of an image is lengthened before");
  spec.param("fill", &Crop::fill)
      .names(fill_names())
      .doc("what stands in the padding: the image's edge, cval, its mirror image or its other side");
  spec.param("cval", &Crop::cval).doc("the value in the padding with fill = \"constant\"");
  spec.param("same_for_both", &Crop::same_for_both)
      .doc("whether both images of a pair are cut at the same place; else each by itself");
  spec.check(&Crop::check);
}

void Crop::check(const Checking& checking) const {
  check_size(checking);
  check_same_for_both(checking, same_for_both);
  if (const auto fed = checking.image_shape("in"))
    if (const std::string problem = misfit(fed->height, fed->width); !problem.empty())
      checking.error(size > 0 ? "size" : "height", problem);
}

std::string Crop::misfit(std::size_t height, std::size_t width) const {
  const std::size_t padded_height = height + 2 * padding, padded_width = width + 2 * padding;
  if (padded_height >= target_height() && padded_width >= target_width()) return "";
  return fmt::format("images of {} x {} pixels{} are smaller than the crop of {} x {}", height, width,
                     padding == 0 ? "" : fmt::format(", with padding {} x {},", padded_height, padded_width),
                     target_height(), target_width());
}

AnyBatch Crop::apply(AnyBatch batch, const Item& item) const {
  Images& images = images_of(batch);
  if (const std::string problem = misfit(images.height, images.width); !problem.empty()) throw Error(problem);
  struct Corner {
    int row, column;  // in the image without its padding
  };
  Random random = this->random(item, "corners");
  const std::vector<Corner> corners = draw_each(batch, same_for_both, [&] {
    const auto start = [&](std::size_t size, std::size_t target) {
      const std::size_t spare = size + 2 * padding - target;
      const std::size_t drawn = where == Where::centre ? spare / 2 : random.below(spare + 1);
      return static_cast<int>(drawn) - static_cast<int>(padding);
    };
    const int row = start(images.height, target_height());
    return Corner{row, start(images.width, target_width())};
  });

  Images cropped(images.count, images.channels, target_height(), target_width());
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    // Where the rows and columns of the crop are read; below 0: cval.
    const auto places = [&](int first, std::size_t count, std::size_t size) {
      std::vector<int> all(count);
      for (std::size_t k = 0; k < count; ++k)
        all[k] = pixel_at(first + static_cast<int>(k), static_cast<int>(size), fill);
      return all;
    };
    const std::vector<int> rows = places(corners[i].row, cropped.height, images.height);
    const std::vector<int> columns = places(corners[i].column, cropped.width, images.width);
    for (std::size_t channel = 0; channel < images.channels; ++channel) {
      const float* const from = images.plane(i, channel);
      float* to = cropped.plane(i, channel);
      for (const int row : rows)
        for (const int column : columns)
          *to++ = row < 0 || column < 0 ? static_cast<float>(cval) : from[row * images.width + column];
    }
  });
  images = std::move(cropped);
  return batch;
}

TWINFLOW_NODE("augment.crop", Crop)

}  // namespace twinflow::augment
