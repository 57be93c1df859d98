#include "twinflow/images.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/error.h"

using namespace twinflow;

namespace {

std::shared_ptr<PixelStore> store(std::size_t channels, std::size_t height, std::size_t width,
                                  std::vector<std::uint8_t> pixels) {
  auto made = std::make_shared<PixelStore>();
  made->channels = channels, made->height = height, made->width = width;
  made->pixels = std::move(pixels);
  return made;
}

Images read(std::shared_ptr<const PixelStore> from, std::vector<Shot> shots) {
  Images images(std::move(from), std::move(shots));
  images.read();
  return images;
}

std::vector<float> bytes(const Images& images) {
  std::vector<float> all;
  for (const float pixel : images.pixels) all.push_back(pixel * 255.0f);
  return all;
}

}  // namespace

TEST_CASE("images of a data set are read when asked: 0 .. 255 becomes 0 .. 1, in the order asked for") {
  Images images(store(1, 1, 2, {0, 255, 51, 102, 7, 8}), {{1}, {0}, {1}});
  CHECK(images.unread());
  CHECK(images.count == 3);
  CHECK(images.channels == 1);
  CHECK(images.height == 1);
  CHECK(images.width == 2);
  CHECK(images.pixels.empty());
  for (int time = 0; time < 2; ++time) {
    images.read();
    CHECK(!images.unread());
    CHECK(images.shots.empty());
    CHECK(images.pixels == Pixels{0.2f, 0.4f, 0.0f, 1.0f, 0.2f, 0.4f});
  }
}

TEST_CASE("images are turned by quarters, counter-clockwise, as numpy.rot90") {
  const auto one = store(1, 3, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto turned = [&](int turns) { return bytes(read(one, {{0, turns}})); };
  CHECK(turned(0) == std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(turned(1) == std::vector<float>{3, 6, 9, 2, 5, 8, 1, 4, 7});
  CHECK(turned(2) == std::vector<float>{9, 8, 7, 6, 5, 4, 3, 2, 1});
  CHECK(turned(3) == std::vector<float>{7, 4, 1, 8, 5, 2, 9, 6, 3});
}

TEST_CASE("only square images can be turned") {
  const auto flat = store(1, 1, 2, {1, 2});
  CHECK_NOTHROW(Images(flat, {{0, 0}}));
  CHECK_THROWS_WITH_AS(Images(flat, {{0, 0}, {0, 1}}),
                       "an image of 2 x 1 pixels cannot be turned by 90 degrees: it is not square", Error);
}

TEST_CASE("channels stay apart") {
  const Images images = read(store(2, 2, 2, {1, 2, 3, 4, 5, 6, 7, 8}), {{0, 1}});
  CHECK(images.channels == 2);
  CHECK(bytes(images) == std::vector<float>{2, 4, 1, 3, 6, 8, 5, 7});
}

TEST_CASE("no shots, no images") { CHECK(read(store(1, 1, 1, {3}), {}).count == 0); }

TEST_CASE("images that were not kept are decoded, and fail with the decoder's words") {
  const auto two = store(1, 1, 2, {10, 20});
  two->decoded_count = 2;
  two->decode = [](std::size_t image, std::uint8_t* to) {
    if (image == 2) throw Error("file 2 is gone");
    to[0] = static_cast<std::uint8_t>(100 + image), to[1] = 7;
  };
  CHECK(two->count() == 3);
  CHECK(bytes(read(two, {{1}, {0}, {1}})) == std::vector<float>{101, 7, 10, 20, 101, 7});
  CHECK_THROWS_WITH_AS(read(two, {{0}, {2}}), "file 2 is gone", Error);
}

TEST_CASE("the memory of a batch that is gone serves the next one of its size") {
  const float* first = nullptr;
  {
    const Images images(3, 1, 11, 13);
    first = images.pixels.data();
    CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
    CHECK(Images(3, 1, 11, 13).pixels.data() != first);
  }
  std::vector<Images> later;
  bool again = false;
  for (int i = 0; i < 2; ++i) {
    later.emplace_back(3, 1, 11, 13);
    again = again || later.back().pixels.data() == first;
  }
  CHECK(again);
}

TEST_CASE("a batch that no memory would hold is refused with what to change") {
  CHECK_THROWS_WITH_AS(
      Images(1 << 20, 1, 1 << 12, 1 << 12),
      doctest::Contains("make fewer images a batch, or smaller ones, or have fewer batches in flight"),
      Error);
}

TEST_CASE("sizes that nobody asks for any more do not keep others from being used again") {
  for (std::size_t i = 1; i <= 40; ++i) Images(i, 1, 1024, 1024);  // 3.4 GB in all
  const float* first = nullptr;
  {
    const Images images(2, 1, 17, 19);
    first = images.pixels.data();
  }
  CHECK(Images(2, 1, 17, 19).pixels.data() == first);
}

TEST_CASE("shares of a batch are its images, one after the other, read or unread") {
  const auto from = store(1, 1, 1, {0, 1, 2, 3, 4, 5, 6});
  for (const bool unread : {true, false}) {
    CAPTURE(unread);
    std::vector<float> all;
    for (int rank = 0; rank < 3; ++rank) {
      ImageBatch batch{Images(from, {{6}, {5}, {4}, {3}, {2}, {1}, {0}}), {0, 1, 2, 3, 4, 5, 6}};
      if (!unread) batch.images.read();
      take_share(batch, rank, 3);
      CHECK(batch.images.unread() == unread);
      CHECK(batch.first == all.size());
      CHECK(batch.classes.size() == 7);
      CHECK(batch.images.count == (rank == 0 ? 2u : rank == 1 ? 2u : 3u));
      const std::size_t first = batch.first;
      take_share(batch, rank, 3);  // it is one already
      CHECK(batch.first == first);
      batch.images.read();
      for (const float byte : bytes(batch.images)) all.push_back(byte);
    }
    CHECK(all == std::vector<float>{6, 5, 4, 3, 2, 1, 0});
  }
}

TEST_CASE("the only rank's share of a batch is the batch") {
  PairBatch batch{Images(4, 1, 2, 2), {0, 1}};
  take_share(batch, 0, 1);
  CHECK(batch.images.count == 4);
  CHECK(batch.first == 0);
}
