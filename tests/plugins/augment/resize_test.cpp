#include "augmenting.h"

using namespace augmenting;
using twinflow::testing::Bench;

TEST_CASE("augment.resize: area is the mean of what a pixel covers") {
  Bench bench("augment.resize", "height = 2\nwidth = 1");
  const ImageBatch out = bench.apply<ImageBatch>(ImageBatch{counting(Images(2, 1, 4, 2)), {3, 3}});
  CHECK(out.images.height == 2);
  CHECK(out.images.width == 1);
  CHECK(out.images.pixels == Pixels{1.5f, 5.5f, 9.5f, 13.5f});  // (0 + 1 + 2 + 3) / 4, ...
  CHECK(out.classes == std::vector<std::int32_t>{3, 3});
}

TEST_CASE("augment.resize: area weighs pixels that are partly covered") {
  Bench bench("augment.resize", "height = 1\nwidth = 2");
  const ImageBatch out = bench.apply<ImageBatch>(ImageBatch{counting(Images(1, 1, 1, 3)), {0}});
  CHECK(out.images.pixels[0] == doctest::Approx((0 + 0.5 * 1) / 1.5));
  CHECK(out.images.pixels[1] == doctest::Approx((0.5 * 1 + 2) / 1.5));
}

TEST_CASE("augment.resize: bilinear lies between the nearest pixels, centre to centre") {
  Bench bench("augment.resize", "height = 1\nwidth = 4\ninterpolation = \"bilinear\"");
  const ImageBatch out = bench.apply<ImageBatch>(ImageBatch{counting(Images(1, 1, 1, 2)), {0}});
  CHECK(out.images.pixels == Pixels{0, 0.25f, 0.75f, 1});
}

TEST_CASE("augment.resize: size stands for both, channels and pairs stay apart") {
  Bench bench("augment.resize", "size = 1");
  const PairBatch out = bench.apply<PairBatch>(PairBatch{counting(Images(2, 2, 2, 2)), {1}, 0});
  CHECK(out.images.count == 2);
  CHECK(out.images.channels == 2);
  CHECK(out.images.pixels == Pixels{1.5f, 5.5f, 9.5f, 13.5f});
  CHECK(out.labels == std::vector<std::uint8_t>{1});
}

TEST_CASE("augment.resize needs one size") {
  for (const char* toml :
       {"", "height = 3", "width = 3", "size = 3\nheight = 3", "size = 3\nheight = 3\nwidth = 3"}) {
    CAPTURE(toml);
    CHECK(refusal("augment.resize", toml).find("needs either size, or height and width") !=
          std::string::npos);
  }
  CHECK(refusal("augment.resize", "size = -3").find("-3 is out of range: it may not be negative") !=
        std::string::npos);
}

TEST_CASE("augment.resize: the shape that the graph check is told is that of the images") {
  Bench bench("augment.resize", "height = 5\nwidth = 4", 1,
              {{"in", typeid(ImageBatch), ImageShape{2, 3, 3}}});
  const ImageBatch out = bench.apply<ImageBatch>(ImageBatch{counting(Images(1, 2, 3, 3)), {0}});
  CHECK(bench.image_shape() == ImageShape{out.images.channels, out.images.height, out.images.width});
  CHECK(bench.image_shape() == ImageShape{2, 5, 4});
  CHECK(Bench("augment.resize", "size = 5", 1, {{"in", typeid(ImageBatch)}}).image_shape() == std::nullopt);
}
