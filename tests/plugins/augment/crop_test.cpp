#include <map>

#include "augmenting.h"

using namespace augmenting;

namespace {

std::string crop_failure(const std::string& toml, Images images) {
  try {
    augmented("augment.crop", toml, std::move(images));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("augment.crop: the centre; what is odd goes at the bottom and right") {
  const Images out =
      augmented("augment.crop", "height = 2\nwidth = 1\nwhere = \"centre\"", counting(Images(2, 1, 4, 4)));
  CHECK(out.height == 2);
  CHECK(out.width == 1);
  CHECK(out.pixels == Pixels{5, 9, 21, 25});
  CHECK(augmented("augment.crop", "size = 4", counting(Images(2, 1, 4, 4))).pixels ==
        counting(Images(2, 1, 4, 4)).pixels);
}

TEST_CASE("augment.crop: padding, with each fill") {
  const auto padded = [](const std::string& fill) {
    return augmented("augment.crop", "height = 1\nwidth = 8\npadding = 2\nwhere = \"centre\"\n" + fill,
                     with_pixels(Images(1, 1, 1, 4), {1, 2, 3, 4}))
        .pixels;
  };
  CHECK(padded("") == Pixels{0, 0, 1, 2, 3, 4, 0, 0});
  CHECK(padded("cval = 0.5") == Pixels{0.5f, 0.5f, 1, 2, 3, 4, 0.5f, 0.5f});
  CHECK(padded("fill = \"nearest\"") == Pixels{1, 1, 1, 2, 3, 4, 4, 4});
  CHECK(padded("fill = \"reflect\"") == Pixels{2, 1, 1, 2, 3, 4, 4, 3});
  CHECK(padded("fill = \"wrap\"") == Pixels{3, 4, 1, 2, 3, 4, 1, 2});
}

TEST_CASE("augment.crop: padding wider than the image") {
  const auto padded = [](const std::string& fill) {
    return augmented("augment.crop", "height = 1\nwidth = 12\npadding = 5\nwhere = \"centre\"\n" + fill,
                     with_pixels(Images(1, 1, 1, 2), {1, 2}))
        .pixels;
  };
  CHECK(padded("") == Pixels{0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0});
  CHECK(padded("fill = \"nearest\"") == Pixels{1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2});
  CHECK(padded("fill = \"reflect\"") == Pixels{1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2});
  CHECK(padded("fill = \"wrap\"") == Pixels{2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1});
}

TEST_CASE("augment.crop: every place comes up alike, rows and columns by themselves") {
  // 4 x 5 places of a 3 x 2 crop in 4 x 4 pixels with a padding of 1; the pixel at its corner tells which.
  const std::size_t count = 8000;
  Images images(count, 2, 4, 4);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < 32; ++k) images.image(i)[k] = static_cast<float>(k);
  Images out = augmented("augment.crop", "height = 3\nwidth = 2\npadding = 1\ncval = -9", images);
  std::map<std::vector<float>, int> seen;
  std::vector<double> tops, lefts;
  for (std::size_t i = 0; i < count; ++i) {
    ++seen[image(out, i)];
    const float* first = out.plane(i, 0);
    // The second row is never outside; its first pixel is where the crop starts left of the image.
    tops.push_back(std::floor(std::max(first[2], first[3]) / 4));
    lefts.push_back(first[2] < 0 ? -1 : first[2] - 4 * tops.back());
    for (std::size_t k = 0; k < 6; ++k)  // the other channel is cut at the same place
      CHECK(out.plane(i, 1)[k] == (first[k] < 0 ? -9 : first[k] + 16));
  }
  CHECK(seen.size() == 20);
  double chi = 0;
  for (const auto& [corner, times] : seen) chi += std::pow(times - count / 20.0, 2) / (count / 20.0);
  CHECK(chi < 43.8);  // 19 degrees of freedom: one case in 1000
  check_independent(tops, lefts);
}

TEST_CASE("augment.crop: twins, threads") {
  check_conduct("augment.crop", "size = 9\npadding = 40\nfill = \"reflect\"");
}

TEST_CASE("augment.crop: images that are too small") {
  CHECK(crop_failure("height = 5\nwidth = 4", Images(2, 1, 4, 6)) ==
        "images of 4 x 6 pixels are smaller than the crop of 5 x 4");
  CHECK(crop_failure("size = 8\npadding = 1", Images(2, 1, 6, 5)) ==
        "images of 6 x 5 pixels, with padding 8 x 7, are smaller than the crop of 8 x 8");
  CHECK(crop_failure("size = 8\npadding = 1", counting(Images(2, 1, 6, 6))) == "");
}

TEST_CASE("augment.crop refuses what cannot be meant") {
  CHECK(refusal("augment.crop", "").find("needs either size, or height and width") != std::string::npos);
  CHECK(refusal("augment.crop", "size = 2\nwidth = 2").find("needs either size, or height and width") !=
        std::string::npos);
  CHECK(
      refusal("augment.crop", "size = 2\npadding = -1").find("-1 is out of range: it may not be negative") !=
      std::string::npos);
  CHECK(refusal("augment.crop", "size = 2\nwhere = \"middle\"").find("expected \"random\" or \"centre\"") !=
        std::string::npos);
}

TEST_CASE(
    "augment.crop: images that are too small are told of in the graph check, where their size is known") {
  const auto told = [](const std::string& toml, std::optional<ImageShape> fed) {
    return refusal("augment.crop", toml, {{"in", typeid(ImageBatch), fed}});
  };
  CHECK(told("padding = 1\nsize = 8", ImageShape{1, 6, 5}) ==
        "bench.toml:2:8: error: images of 6 x 5 pixels, with padding 8 x 7, are smaller than the crop of 8 x "
        "8\n  size = 8\n         ^\n");
  CHECK(told("width = 4\nheight = 5", ImageShape{1, 4, 6}) ==
        "bench.toml:2:10: error: images of 4 x 6 pixels are smaller than the crop of 5 x 4\n  height = 5\n"
        "           ^\n");
  CHECK(told("padding = 1\nsize = 8", ImageShape{1, 6, 6}) == "");
  CHECK(told("size = 8", std::nullopt) == "");
}
