#include "augmenting.h"

using namespace augmenting;

namespace {

/// The erased rectangle of a channel, found by its value; CHECKs that it is one, and whole.
struct Hole {
  std::size_t top = 0, left = 0, height = 0, width = 0;
};
Hole hole(Images& images, std::size_t i, float erased, std::size_t channel = 0) {
  const float* pixels = images.plane(i, channel);
  std::size_t top = images.height, left = images.width, bottom = 0, right = 0, count = 0;
  for (std::size_t row = 0; row < images.height; ++row)
    for (std::size_t column = 0; column < images.width; ++column)
      if (pixels[row * images.width + column] == erased) {
        top = std::min(top, row), left = std::min(left, column);
        bottom = std::max(bottom, row + 1), right = std::max(right, column + 1);
        ++count;
      }
  if (count == 0) return {};
  CHECK(count == (bottom - top) * (right - left));
  return {top, left, bottom - top, right - left};
}

}  // namespace

TEST_CASE("augment.erase: area and aspect") {
  const auto fixed = [](const std::string& toml, std::size_t height, std::size_t width) {
    Images out = augmented("augment.erase", toml + "\nprobability = 1\ncval = 7",
                           filled(Images(1, 1, height, width), 0));
    return hole(out, 0, 7);
  };
  const Hole square = fixed("area = [0.25, 0.25]\naspect = [1, 1]", 8, 8);
  CHECK(square.height == 4);
  CHECK(square.width == 4);
  const Hole tall = fixed("area = [0.09, 0.09]\naspect = [2, 2]", 10, 20);  // 18 pixels
  CHECK(tall.height == 6);
  CHECK(tall.width == 3);
  const Hole all = fixed("area = [1, 1]\naspect = [1, 1]", 9, 9);
  CHECK(all.height * all.width == 81);
}

TEST_CASE("augment.erase: all draws") {
  const std::size_t size = 100, count = 3000;
  Images out = augmented("augment.erase", "area = [0.04, 0.16]\naspect = [0.5, 2]\nprobability = 1\ncval = 7",
                         filled(Images(count, 2, size, size), 0));
  std::vector<double> areas, aspects, tops, lefts;
  for (std::size_t i = 0; i < count; ++i) {
    const Hole one = hole(out, i, 7), other = hole(out, i, 7, 1);
    CHECK(one.top == other.top);
    CHECK(one.left == other.left);
    CHECK(one.height == other.height);
    CHECK(one.width == other.width);
    areas.push_back(static_cast<double>(one.height * one.width) / 1e4);
    aspects.push_back(std::log2(static_cast<double>(one.height) / static_cast<double>(one.width)));
    tops.push_back(static_cast<double>(one.top) / static_cast<double>(size - one.height));
    lefts.push_back(static_cast<double>(one.left) / static_cast<double>(size - one.width));
  }
  // Sides are whole pixels: an area is off by up to 3 %, an aspect by up to 5 %.
  CHECK(*std::min_element(areas.begin(), areas.end()) > 0.04 * 0.96);
  CHECK(*std::max_element(areas.begin(), areas.end()) < 0.16 * 1.04);
  check_mean(areas, 0.1, 0.12 / std::sqrt(12.0));
  CHECK(*std::min_element(aspects.begin(), aspects.end()) > -1.1);
  CHECK(*std::min_element(aspects.begin(), aspects.end()) < -0.95);
  CHECK(*std::max_element(aspects.begin(), aspects.end()) < 1.1);
  CHECK(*std::max_element(aspects.begin(), aspects.end()) > 0.95);
  check_mean(aspects, 0, 2 / std::sqrt(12.0));
  check_uniform(tops, 0, 1);
  check_uniform(lefts, 0, 1);
  check_independent(tops, lefts);
  check_independent(areas, aspects);
  check_independent(areas, tops);
}

TEST_CASE("augment.erase: noise is uniform in [0, 1], its own in every channel") {
  const Images out =
      augmented("augment.erase", "area = [1, 1]\naspect = [1, 1]\nprobability = 1\nfill = \"noise\"",
                filled(Images(1, 2, 60, 60), 0));
  const std::vector<double> first(out.pixels.begin(), out.pixels.begin() + 3600);
  const std::vector<double> second(out.pixels.begin() + 3600, out.pixels.end());
  check_uniform(first, 0, 1);
  check_uniform(second, 0, 1);
  check_independent(first, second);
}

TEST_CASE("augment.erase: count is how many, and what fits in no draw is left out") {
  const auto erased = [](const std::string& toml) {
    const Images out =
        augmented("augment.erase", toml + "\nprobability = 1\ncval = 7", filled(Images(50, 1, 40, 40), 0));
    return std::count(out.pixels.begin(), out.pixels.end(), 7.0f);
  };
  CHECK(erased("area = [0.01, 0.01]\naspect = [1, 1]") == 50 * 16);
  const auto three = erased("area = [0.01, 0.01]\naspect = [1, 1]\ncount = 3");
  CHECK(three <= 50 * 48);
  CHECK(three > 50 * 40);
  CHECK(erased("area = [0.9, 0.9]\naspect = [0.3, 0.3]") == 0);
  CHECK(erased("area = [0, 0]") == 0);
}

TEST_CASE("augment.erase: probability, twins, threads") {
  check_probability("augment.erase", "area = [0.2, 0.3]\naspect = [0.9, 1.1]\ncval = 7", 0.5);
  check_probability("augment.erase", "area = [0.2, 0.3]\naspect = [0.9, 1.1]\ncval = 7\nprobability = 0.2",
                    0.2);
  check_conduct("augment.erase", "area = [0.2, 0.4]\nfill = \"noise\"\nprobability = 1");
}

TEST_CASE("augment.erase refuses what cannot be meant") {
  CHECK(refusal("augment.erase", "area = [0, 1.5]").find("'area' is 1.5, out of range: 0 to 1") !=
        std::string::npos);
  CHECK(refusal("augment.erase", "aspect = [0, 1]").find("'aspect' is 0, out of range: 0.001 to 1000") !=
        std::string::npos);
  CHECK(refusal("augment.erase", "count = 0").find("'count' is 0, out of range: 1 to 1000") !=
        std::string::npos);
  CHECK(refusal("augment.erase", "fill = \"grey\"").find("expected \"constant\" or \"noise\"") !=
        std::string::npos);
}
