#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/images.h"

/// A data set to see through: image i of the store has 2 x 2 pixels, the first of them i + 1, the others 0.
/// Classes hold `images_per_class` images each, one class after the other.
inline twinflow::Dataset small_dataset(const std::vector<std::size_t>& classes_of_groups,
                                       std::size_t images_per_class) {
  twinflow::Dataset data;
  data.description = "small";
  data.group_word = "alphabet";
  auto store = std::make_shared<twinflow::PixelStore>();
  store->height = store->width = 2;
  for (std::size_t group = 0; group < classes_of_groups.size(); ++group) {
    data.groups.push_back(std::string("g") + std::to_string(group));
    for (std::size_t i = 0; i < classes_of_groups[group]; ++i) {
      twinflow::Dataset::Class one{"c" + std::to_string(i), group, {}};
      for (std::size_t k = 0; k < images_per_class; ++k) {
        one.images.push_back(store->count());
        store->pixels.insert(store->pixels.end(), {static_cast<std::uint8_t>(store->count() + 1), 0, 0, 0});
      }
      data.classes.push_back(one);
    }
  }
  data.store = store;
  return data;
}

/// Which image of a small data set stands at place i, and by how many quarters it was turned
/// counter-clockwise.
struct Seen {
  std::size_t image;
  int turns;
};
inline Seen seen(const twinflow::Images& images, std::size_t i) {
  const float* p = images.image(i);
  const int corners[] = {0, 2, 3, 1};  // top left, bottom left, bottom right, top right
  for (int turns = 0; turns < 4; ++turns)
    if (p[corners[turns]] > 0)
      return {static_cast<std::size_t>(p[corners[turns]] * 255.0f + 0.5f) - 1, turns};
  return {static_cast<std::size_t>(-1), -1};
}
