#include "plugins/sample/gather.h"

#include <doctest/doctest.h>

#include <vector>

using namespace twinflow;
using namespace twinflow::sample;

namespace {

std::vector<float> bytes(const Images& images) {
  std::vector<float> all;
  for (const float pixel : images.pixels) all.push_back(pixel * 255.0f);
  return all;
}

PixelStore store(std::size_t channels, std::size_t height, std::size_t width,
                 std::vector<std::uint8_t> pixels) {
  PixelStore made;
  made.channels = channels, made.height = height, made.width = width;
  made.pixels = std::move(pixels);
  return made;
}

}  // namespace

TEST_CASE("gather: 0 .. 255 becomes 0 .. 1, in the order asked for") {
  const PixelStore three = store(1, 1, 2, {0, 255, 51, 102, 7, 8});
  const Images images = gather(three, std::vector<Shot>{{1}, {0}, {1}});
  CHECK(images.count == 3);
  CHECK(images.height == 1);
  CHECK(images.width == 2);
  CHECK(images.pixels == std::vector<float>{0.2f, 0.4f, 0.0f, 1.0f, 0.2f, 0.4f});
}

TEST_CASE("gather: quarter turns counter-clockwise, as numpy.rot90") {
  const PixelStore one = store(1, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto turned = [&](int turns) { return bytes(gather(one, std::vector<Shot>{{0, turns}})); };
  CHECK(turned(0) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(turned(1) == std::vector<float>{3, 6, 9, 2, 5, 8, 1, 4, 7});
  CHECK(turned(2) == std::vector<float>{9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(turned(3) == std::vector<float>{7, 4, 1, 8, 5, 2, 9, 6, 3});
}

TEST_CASE("gather: channels stay apart") {
  const PixelStore two = store(2, 2, 2, {1, 2, 3, 4, 5, 6, 7, 8});
  const Images images = gather(two, std::vector<Shot>{{0, 1}});
  CHECK(images.channels == 2);
  CHECK(bytes(images) == std::vector<float>{2, 4, 1, 3, 6, 8, 5, 7});
}

TEST_CASE("gather: no shots, no images") { CHECK(gather(store(1, 1, 1, {3}), {}).count == 0); }
