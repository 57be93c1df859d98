#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "twinflow/images.h"
#include "twinflow/param.h"

namespace twinflow::augment {

/// What draw() returns, once for each image that is there, in their order. With `same_for_both` a pair draws
/// once: image B+i of B pairs gets what image i got. For a rank's share the images before it are drawn for,
/// too, so that its own are changed as they would be in the whole batch.
///
/// All draws of an item come from one Random, one image after another, so that an image's change depends on
/// its place alone; then they are applied in parallel. Draw the same number of times for every image. A node
/// that needs many numbers an image draws a 64-bit seed for each, and makes Random(seed, item.epoch,
/// item.index) of it.
template <class Draw>
auto draw_each(const AnyBatch& batch, bool same_for_both, Draw&& draw) {
  const auto [first, end] = std::visit(
      [](const auto& kind) { return std::pair(kind.first, kind.first + kind.images.count); }, batch);
  const auto* pairs = std::get_if<PairBatch>(&batch);
  const std::size_t own = same_for_both && pairs ? pairs->pairs() : end;

  std::vector<std::decay_t<decltype(draw())>> drawn;
  drawn.reserve(end);
  for (std::size_t i = 0; i < end; ++i) drawn.push_back(i < own ? draw() : drawn[i - own]);
  drawn.erase(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(first));
  return drawn;
}

/// Whether there are pairs for `same_for_both` to mean.
inline void check_same_for_both(const Checking& checking, bool same_for_both) {
  if (same_for_both && checking.fed_with<ImageBatch>("in"))
    checking.error("same_for_both", "this is for pairs, and what comes in is an image batch");
}

}  // namespace twinflow::augment
