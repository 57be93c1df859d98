#pragma once

#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <typeindex>
#include <utility>
#include <vector>

#include "twinflow/images.h"
#include "twinflow/testing.h"

/// What the tests of all augmentations share.
namespace augmenting {

using namespace twinflow;

/// What is wrong with these parameters; "" when nothing is.
inline std::string refusal(const std::string& type, const std::string& toml, std::vector<FedInput> fed = {}) {
  try {
    testing::Bench bench(type, toml, 1, std::move(fed));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline Images filled(Images images, float value) {
  std::fill(images.pixels.begin(), images.pixels.end(), value);
  return images;
}

inline Images with_pixels(Images images, Pixels pixels) {
  REQUIRE(images.pixels.size() == pixels.size());
  images.pixels = std::move(pixels);
  return images;
}

/// 0, 1, 2, ...
inline Images counting(Images images) {
  for (std::size_t i = 0; i < images.pixels.size(); ++i) images.pixels[i] = static_cast<float>(i);
  return images;
}

inline std::vector<float> image(const Images& images, std::size_t i) {
  return {images.image(i), images.image(i) + images.image_size()};
}

/// All of one class.
inline ImageBatch batch_of(Images images) {
  std::vector<std::int32_t> classes(images.count);
  return {std::move(images), std::move(classes)};
}

inline Images augmented(const std::string& type, const std::string& toml, Images images,
                        const Item& item = {}, std::uint64_t seed = 1) {
  testing::Bench bench(type, toml, seed);
  return bench.apply<ImageBatch>(batch_of(std::move(images)), item).images;
}

/// Alike, with no symmetry and values in [0, 1].
inline Images pictures(std::size_t count, std::size_t channels = 1) {
  Images images(count, channels, 12, 10);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < images.image_size(); ++k)
      images.image(i)[k] = static_cast<float>(0.5 + 0.5 * std::sin(0.37 * static_cast<double>(k * k % 101)));
  return images;
}

/// The mean lies where that many draws of this deviation put it, but for one case in 10,000.
inline void check_mean(const std::vector<double>& values, double mean, double deviation) {
  double sum = 0;
  for (const double value : values) sum += value;
  const double count = static_cast<double>(values.size());
  CHECK(std::abs(sum / count - mean) <= 4 * deviation / std::sqrt(count));
}

/// The draws lie in the range, come near both ends and are uniform as far as their mean and their squares
/// tell.
inline void check_uniform(const std::vector<double>& draws, double low, double high) {
  const auto [least, greatest] = std::minmax_element(draws.begin(), draws.end());
  const double width = high - low;
  CHECK(*least > low - 1e-3 * width);
  CHECK(*greatest < high + 1e-3 * width);
  CHECK(*least < low + 0.02 * width);
  CHECK(*greatest > high - 0.02 * width);
  check_mean(draws, (low + high) / 2, width / std::sqrt(12.0));
  std::vector<double> squares;
  for (const double draw : draws) squares.push_back(std::pow((draw - low) / width, 2));
  check_mean(squares, 1.0 / 3, std::sqrt(4.0 / 45));
}

inline double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  const double count = static_cast<double>(a.size());
  double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) mean_a += a[i] / count, mean_b += b[i] / count;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  REQUIRE(aa * bb > 0);
  return ab / std::sqrt(aa * bb);
}

/// No correlation, as far as that many draws tell.
inline void check_independent(const std::vector<double>& a, const std::vector<double>& b) {
  CHECK(std::abs(correlation(a, b)) < 4 / std::sqrt(static_cast<double>(a.size())));
}

/// What every augmentation owes. `toml`: so lively that hardly two images come out alike, with probability 1.
inline void check_conduct(const std::string& type, const std::string& toml) {
  using testing::Bench;
  const Item item{.epoch = 2, .index = 7, .step = 27};
  const Images many = augmented(type, toml, pictures(20, 3), item);
  {  // every image by itself
    int alike = 0;
    for (std::size_t i = 0; i < 20; ++i)
      for (std::size_t j = 0; j < i; ++j) alike += image(many, i) == image(many, j);
    CHECK(alike <= 2);
  }
  {  // a change depends on seed, epoch, index and place alone
    const Images few = augmented(type, toml, pictures(3, 3), item);
    for (std::size_t i = 0; i < 3; ++i) CHECK(image(many, i) == image(few, i));
    const auto first = image(few, 0);
    const auto other = [&](const Item& one, std::uint64_t seed) {
      return image(augmented(type, toml, pictures(1, 3), one, seed), 0);
    };
    CHECK(other({.epoch = 2, .index = 7, .step = 99}, 1) == first);
    CHECK(other({.epoch = 3, .index = 7, .step = 27}, 1) != first);
    CHECK(other({.epoch = 2, .index = 8, .step = 27}, 1) != first);
    CHECK(other(item, 2) != first);
  }
  {  // the same bits on any number of threads
    const auto with_threads = [&](int threads) {
      const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                      static_cast<std::size_t>(threads));
      return tbb::task_arena(threads).execute(
          [&] { return augmented(type, toml, pictures(60, 3), item).pixels; });
    };
    const Pixels one = with_threads(1);
    CHECK(one == with_threads(2));
    CHECK(one == with_threads(8));
  }
  {  // twins
    const auto twins = [&](const std::string& more) {
      Bench bench(type, toml + more);
      const PairBatch pairs = bench.apply<PairBatch>(PairBatch{pictures(6, 3), {1, 0, 0}, 1}, item);
      CHECK(pairs.labels == std::vector<std::uint8_t>{1, 0, 0});
      CHECK(pairs.label_of_same == 1);
      return pairs.images;
    };
    const Images apart = twins(""), alike = twins("\nsame_for_both = true");
    for (std::size_t pair = 0; pair < 3; ++pair) {
      CHECK(image(apart, pair) != image(apart, 3 + pair));
      CHECK(image(alike, pair) == image(alike, 3 + pair));
    }
    CHECK(image(alike, 0) != image(alike, 1));

    const auto refused = [&](std::type_index fed) {
      return refusal(type, toml + "\nsame_for_both = true", {{"in", fed}}) != "";
    };
    CHECK(refused(typeid(ImageBatch)));
    CHECK(!refused(typeid(PairBatch)));
  }
  {  // the shape that the graph check is told is that of the images
    const Images in = pictures(1, 3), out = augmented(type, toml, in, item);
    const FedInput fed{"in", typeid(ImageBatch), ImageShape{3, in.height, in.width}};
    CHECK(Bench(type, toml, 1, {fed}).image_shape() == ImageShape{out.channels, out.height, out.width});
    CHECK(Bench(type, toml, 1, {{"in", typeid(ImageBatch)}}).image_shape() == std::nullopt);
  }
  {  // single pixels and lines
    const auto shaped = [&](std::size_t count, std::size_t height, std::size_t width) {
      const Images out = augmented(type, toml, filled(Images(count, 3, height, width), 0.5f), item);
      CHECK(out.count == count);
      CHECK(std::all_of(out.pixels.begin(), out.pixels.end(), [](float x) { return x >= 0 && x <= 1; }));
    };
    shaped(2, 1, 1);
    shaped(2, 1, 9);
    shaped(2, 9, 1);
  }
  {  // classes
    Bench bench(type, toml);
    CHECK(bench.apply<ImageBatch>(ImageBatch{pictures(3, 3), {4, 5, 4}}).classes ==
          std::vector<std::int32_t>{4, 5, 4});
  }
}

/// The share of images that change.
inline void check_probability(const std::string& type, const std::string& toml, double probability) {
  const Images before = pictures(4000);
  const Images after = augmented(type, toml, before);
  std::vector<double> changed;
  for (std::size_t i = 0; i < before.count; ++i) changed.push_back(image(before, i) != image(after, i));
  check_mean(changed, probability, std::sqrt(probability * (1 - probability)));
}

}  // namespace augmenting
