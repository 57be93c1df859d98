#include "gather.h"

#include <tbb/parallel_for.h>

namespace twinflow::sample {
namespace {

/// One plane. After a quarter turn counter-clockwise, the pixel (row, column) is what (column, last - row)
/// was.
void turn(const std::uint8_t* from, float* to, std::size_t height, std::size_t width, int turns) {
  if (turns == 0) {
    for (std::size_t i = 0; i < height * width; ++i) to[i] = unit_pixel(from[i]);
    return;
  }
  const std::size_t last = width - 1;
  for (std::size_t row = 0; row < height; ++row)
    for (std::size_t column = 0; column < width; ++column) {
      const std::size_t place = turns == 1   ? column * width + (last - row)
                                : turns == 2 ? (last - row) * width + (last - column)
                                             : (last - column) * width + row;
      to[row * width + column] = unit_pixel(from[place]);
    }
}

}  // namespace

Images gather(const PixelStore& store, std::span<const Shot> shots) {
  Images images(shots.size(), store.channels, store.height, store.width);
  tbb::parallel_for(std::size_t{0}, shots.size(), [&](std::size_t i) {
    std::vector<std::uint8_t> scratch;
    const std::uint8_t* from = store.look(shots[i].image, scratch).data();
    for (std::size_t channel = 0; channel < store.channels; ++channel)
      turn(from + channel * images.plane_size(), images.plane(i, channel), store.height, store.width,
           shots[i].turns);
  });
  return images;
}

}  // namespace twinflow::sample
