#include <doctest/doctest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/augment/affine_matrix.h"
#include "plugins/augment/affine_values.h"
#include "plugins/augment/warp.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::augment;
using twinflow::testing::Bench;

namespace {

Images pictures(std::size_t count, std::size_t channels = 1) {  // all alike
  Images images(count, channels, 12, 10);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < images.image_size(); ++k)
      images.image(i)[k] = static_cast<float>(0.5 + 0.5 * std::sin(0.37 * static_cast<double>(k * k % 101)));
  return images;
}

std::vector<float> image(const Images& images, std::size_t i) {
  return {images.image(i), images.image(i) + images.image_size()};
}

Images augmented(const std::string& toml, Images images, const Item& item = {}, std::uint64_t seed = 1) {
  Bench bench("augment.affine", toml, seed);
  return bench.apply<ImageBatch>(ImageBatch{std::move(images), {}}, item).images;
}

std::string refusal(const std::string& toml) {
  try {
    Bench bench("augment.affine", toml);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string lively =
    "rotation = [-30, 30]\nwidth_shift = [-0.1, 0.1]\nheight_shift = [-0.1, 0.1]\nshear = [-10, 10]\nzoom = "
    "[0.7, 1.3]\n";

}  // namespace

TEST_CASE("augment.affine changes nothing by default") {
  CHECK(augmented("", pictures(3, 2)).pixels == pictures(3, 2).pixels);
}

TEST_CASE("augment.affine: every parameter reaches its component") {
  struct Case {
    std::string toml;
    AffineChange change;
    Resampling how;
  };
  const std::vector<Case> cases = {
      {"rotation = [20, 20]", {.rotation = 20}, {}},
      {"width_shift = [0.2, 0.2]", {.width_shift = 2}, {}},
      {"width_shift = [-3, -3]", {.width_shift = -3}, {}},
      {"height_shift = [0.25, 0.25]", {.height_shift = 3}, {}},
      {"shear = [15, 15]", {.shear = 15}, {}},
      {"zoom = [0.5, 0.5]", {.zoom_height = 0.5, .zoom_width = 0.5}, {}},
      {"zoom = [2, 2]\nzoom_scale = \"log\"", {.zoom_height = 2, .zoom_width = 2}, {}},
      {"horizontal_flip = 1", {.horizontal_flip = true}, {}},
      {"vertical_flip = 1", {.vertical_flip = true}, {}},
      {"rotation = [20, 20]\ncompat = \"keras-1.1\"\nfill = \"wrap\"",
       {.rotation = 20},
       {.fill = Fill::wrap, .compat = Compat::keras_1_1}},
      {"rotation = [20, 20]\ncompat = \"none\"", {.rotation = 20}, {}},
      {"channel_shift = [0.1, 0.1]", {.channel_shift = 0.1}, {}},
      {"brightness = [0.7, 0.7]", {.brightness = 0.7}, {}},
      {"rotation = [20, 20]\nbrightness = [0.7, 0.7]\nprobabilities = { rotation = 0 }",
       {.brightness = 0.7},
       {}},
      {"rotation = [20, 20]\nprobability = 0", {}, {}},
      {"height_shift = [4, 4]\nfill = \"constant\"\ncval = 0.3",
       {.height_shift = 4},
       {.fill = Fill::constant, .cval = 0.3}},
      {"height_shift = [4, 4]\nfill = \"reflect\"", {.height_shift = 4}, {.fill = Fill::reflect}},
      {"height_shift = [4, 4]\nfill = \"wrap\"", {.height_shift = 4}, {.fill = Fill::wrap}},
      {"height_shift = [4, 4]\nfill = \"nearest\"", {.height_shift = 4}, {.fill = Fill::nearest}},
      {"rotation = [9, 9]\ninterpolation = \"nearest\"",
       {.rotation = 9},
       {.interpolation = Interpolation::nearest}},
      {"rotation = [9, 9]\ninterpolation = \"bilinear\"",
       {.rotation = 9},
       {.interpolation = Interpolation::bilinear}},
      {"rotation = [9, 9]\ninterpolation = \"cubic\"",
       {.rotation = 9},
       {.interpolation = Interpolation::cubic}},
  };
  for (const Case& one : cases) {
    CAPTURE(one.toml);
    Images wanted = pictures(2, 3);
    for (std::size_t i = 0; i < 2; ++i) {
      for (std::size_t channel = 0; channel < 3; ++channel)
        warp(pictures(2, 3).plane(i, channel), wanted.plane(i, channel), 12, 10,
             affine_matrix(one.change, 12, 10, one.how.compat), one.how);
      change_values(wanted.image(i), wanted.image_size(), one.change);
    }
    CHECK(augmented(one.toml, pictures(2, 3)).pixels == wanted.pixels);
  }
}

TEST_CASE("augment.affine: twins are changed independently, and labels kept") {
  Bench bench("augment.affine", lively);
  PairBatch pairs{pictures(4), {1, 0}, 1};
  const PairBatch changed = bench.apply<PairBatch>(pairs);
  CHECK(changed.labels == pairs.labels);
  CHECK(changed.label_of_same == 1);
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < i; ++j) CHECK(image(changed.images, i) != image(changed.images, j));
}

TEST_CASE("augment.affine: with same_for_both, twins are changed alike") {
  Bench bench("augment.affine", lively + "brightness = 0.5\nsame_for_both = true");
  const PairBatch changed = bench.apply<PairBatch>(PairBatch{pictures(4), {1, 0}, 1});
  CHECK(image(changed.images, 0) == image(changed.images, 2));
  CHECK(image(changed.images, 1) == image(changed.images, 3));
  CHECK(image(changed.images, 0) != image(changed.images, 1));
}

TEST_CASE("augment.affine: one number is the half of a range") {
  const auto alike = [](const std::string& one, const std::string& two) {
    CHECK(augmented(one, pictures(5)).pixels == augmented(two, pictures(5)).pixels);
    CHECK(augmented(one, pictures(5)).pixels != pictures(5).pixels);
  };
  alike("rotation = 30", "rotation = [-30, 30]");
  alike("width_shift = 0.2", "width_shift = [-0.2, 0.2]");
  alike("height_shift = 2", "height_shift = [-2, 2]");
  alike("shear = 15", "shear = [-15, 15]");
  alike("zoom = 0.5", "zoom = [0.5, 1.5]");
  alike("brightness = 0.5", "brightness = [0.5, 1.5]");
  alike("channel_shift = 0.5", "channel_shift = [-0.5, 0.5]");
}

TEST_CASE("augment.affine: items may be asked for in any order") {
  const std::vector<std::uint64_t> order = {3, 0, 2, 1};
  Bench forwards("augment.affine", lively), otherwise("augment.affine", lively);
  const auto apply = [](Bench& bench, std::uint64_t index) {
    return bench.apply<ImageBatch>(ImageBatch{pictures(2), {}}, {.epoch = 1, .index = index}).images.pixels;
  };
  std::vector<Pixels> straight(4), mixed(4);
  for (std::uint64_t i = 0; i < 4; ++i) straight[i] = apply(forwards, i);
  for (const std::uint64_t i : order) mixed[i] = apply(otherwise, i);
  CHECK(straight == mixed);
}

TEST_CASE("augment.affine: classes are kept") {
  Bench bench("augment.affine", lively);
  CHECK(bench.apply<ImageBatch>(ImageBatch{pictures(3), {4, 5, 4}}).classes ==
        std::vector<std::int32_t>{4, 5, 4});
}

TEST_CASE("augment.affine: channels move together") {
  Images grey = pictures(2), colour(2, 3, 12, 10);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel)
      std::copy_n(grey.image(i), 120, colour.plane(i, channel));
  Images changed = augmented(lively, colour);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t channel = 1; channel < 3; ++channel)
      CHECK(std::equal(changed.plane(i, 0), changed.plane(i, 0) + 120, changed.plane(i, channel)));
}

TEST_CASE("augment.affine: unread images are changed as if they had been read first") {
  PixelStore filled;
  filled.channels = 3, filled.height = filled.width = 9;
  Random random(4, 0, 0);
  for (std::size_t i = 0; i < 3 * filled.image_size(); ++i)
    filled.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
  // The last of its four images is decoded on demand.
  filled.decoded_count = 1;
  filled.decode = [&filled](std::size_t, std::uint8_t* to) {
    std::copy_n(filled.pixels.begin() + 5, filled.image_size(), to);
  };
  const auto store = std::make_shared<const PixelStore>(filled);
  const Images unread(store, {{2, 0}, {0, 1}, {1, 2}, {1, 3}, {3, 1}});
  Images read = unread;
  read.read();

  // Turned images are read at other places, which are rounded otherwise: nearest may take the other of two
  // pixels where it lies half-way, which these draws do not.
  for (const std::string how : {"", "fill = \"constant\"\ncval = 0.3\n", "fill = \"constant\"\ncval = 1\n",
                                "fill = \"reflect\"\n", "fill = \"wrap\"\n", "interpolation = \"cubic\"\n",
                                "interpolation = \"nearest\"\n", "brightness = 0.5\nchannel_shift = 0.2\n"}) {
    CAPTURE(how);
    const Images wanted = augmented(lively + how, read), got = augmented(lively + how, unread);
    CHECK_FALSE(got.unread());
    REQUIRE(got.pixels.size() == wanted.pixels.size());
    double greatest = 0;
    for (std::size_t i = 0; i < got.pixels.size(); ++i)
      greatest = std::max(greatest, std::abs(static_cast<double>(got.pixels[i]) - wanted.pixels[i]));
    CHECK(greatest < 1e-5);
  }
  CHECK(augmented("", unread).pixels == read.pixels);  // bit for bit
}

TEST_CASE("augment.affine: an image's change depends on seed, epoch, index and its place alone") {
  const Item item{.epoch = 2, .index = 7, .step = 27};
  const Images many = augmented(lively, pictures(20), item), few = augmented(lively, pictures(3), item);
  for (std::size_t i = 0; i < 3; ++i) CHECK(image(many, i) == image(few, i));

  const auto first = image(few, 0);
  CHECK(image(augmented(lively, pictures(1), {.epoch = 2, .index = 7, .step = 99}), 0) == first);
  CHECK(image(augmented(lively, pictures(1), {.epoch = 3, .index = 7, .step = 27}), 0) != first);
  CHECK(image(augmented(lively, pictures(1), {.epoch = 2, .index = 8, .step = 27}), 0) != first);
  CHECK(image(augmented(lively, pictures(1), item, 2), 0) != first);
}

TEST_CASE("augment.affine gives the same bits on one thread and on several") {
  const auto with_threads = [](std::size_t threads) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    return augmented(lively, pictures(40)).pixels;
  };
  CHECK(with_threads(1) == with_threads(2));
  CHECK(with_threads(1) == with_threads(8));
}

TEST_CASE("augment.affine keeps the range of the values") {
  for (const std::string interpolation : {"nearest", "bilinear", "cubic"}) {
    const Images changed = augmented(lively + "interpolation = \"" + interpolation + "\"", pictures(50));
    const auto [low, high] = std::minmax_element(changed.pixels.begin(), changed.pixels.end());
    CHECK(*low >= 0.0f);
    CHECK(*high <= 1.0f);
  }
}

TEST_CASE("augment.affine refuses what cannot be meant") {
  CHECK(refusal("zoom = [0.0, 1.0]").find("'zoom' is 0, out of range: 0.01 to 100") != std::string::npos);
  CHECK(refusal("rotation = [10, -10]").find("the low end 10.0 is above the high end -10.0") !=
        std::string::npos);
  CHECK(refusal("shear = [0, 90]").find("'shear' is 90, out of range: -89 to 89 degrees") !=
        std::string::npos);
  CHECK(refusal("probability = 1.5").find("'probability' is 1.5, out of range: 0 to 1") != std::string::npos);
  CHECK(
      refusal("fill = \"mirror\"").find("expected \"nearest\" or \"constant\" or \"reflect\" or \"wrap\"") !=
      std::string::npos);
  CHECK(refusal("zoom = 1").find("'zoom' is 0 (1 means [0, 2]), out of range: 0.01 to 100") !=
        std::string::npos);
  CHECK(
      refusal("brightness = 2").find("'brightness' is -1 (2 means [-1, 3]), out of range: 0 to 100") !=
      std::string::npos);
  CHECK(refusal("channel_shift = 2").find("'channel_shift' is 2 (2 means") != std::string::npos);
  CHECK(refusal("probabilities = { shear = -1 }").find("'shear' is -1, out of range: 0 to 1") !=
        std::string::npos);
  CHECK(refusal("probabilities = { turn = 1 }").find("'probabilities' has no parameter 'turn'") !=
        std::string::npos);
  CHECK(refusal("compat = \"keras-1.1\"\ninterpolation = \"cubic\"")
            .find("compat = \"keras-1.1\" goes with \"bilinear\" and \"nearest\": cubic is another kernel "
                  "there (B-splines)") != std::string::npos);
  CHECK(refusal("compat = \"keras\"").find("expected \"none\" or \"keras-1.1\"") != std::string::npos);
  CHECK(refusal("width_shift = [-inf, inf]").find("expected a finite number") != std::string::npos);
}
