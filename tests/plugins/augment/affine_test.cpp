#include <memory>

#include "augmenting.h"
#include "plugins/augment/affine_matrix.h"
#include "plugins/augment/affine_values.h"
#include "plugins/augment/warp.h"
#include "twinflow/dataset.h"

using namespace augmenting;
using namespace twinflow::augment;
using twinflow::testing::Bench;

namespace {

Images affine(const std::string& toml, Images images) {
  return augmented("augment.affine", toml, std::move(images));
}

const std::string lively =
    "rotation = [-30, 30]\nwidth_shift = [-0.1, 0.1]\nheight_shift = [-0.1, 0.1]\nshear = [-10, 10]\nzoom = "
    "[0.7, 1.3]\n";

}  // namespace

TEST_CASE("augment.affine changes nothing by default") {
  CHECK(affine("", pictures(3, 2)).pixels == pictures(3, 2).pixels);
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
    CHECK(affine(one.toml, pictures(2, 3)).pixels == wanted.pixels);
  }
}

TEST_CASE("augment.affine: one number is the half of a range") {
  const auto alike = [](const std::string& one, const std::string& two) {
    CHECK(affine(one, pictures(5)).pixels == affine(two, pictures(5)).pixels);
    CHECK(affine(one, pictures(5)).pixels != pictures(5).pixels);
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
    return bench.apply<ImageBatch>(batch_of(pictures(2)), {.epoch = 1, .index = index}).images.pixels;
  };
  std::vector<Pixels> straight(4), mixed(4);
  for (std::uint64_t i = 0; i < 4; ++i) straight[i] = apply(forwards, i);
  for (const std::uint64_t i : order) mixed[i] = apply(otherwise, i);
  CHECK(straight == mixed);
}

TEST_CASE("augment.affine: channels move together") {
  Images grey = pictures(2), colour(2, 3, 12, 10);
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel)
      std::copy_n(grey.image(i), 120, colour.plane(i, channel));
  Images changed = affine(lively, colour);
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
  for (const std::string how :
       {"", "fill = \"constant\"\ncval = 0.3\n", "fill = \"constant\"\ncval = 1\n", "fill = \"reflect\"\n",
        "fill = \"wrap\"\n", "interpolation = \"cubic\"\n", "interpolation = \"nearest\"\n",
        "compat = \"keras-1.1\"\nfill = \"constant\"\n", "compat = \"keras-1.1\"\nfill = \"wrap\"\n",
        "brightness = 0.5\nchannel_shift = 0.2\n"}) {
    CAPTURE(how);
    const Images wanted = affine(lively + how, read), got = affine(lively + how, unread);
    CHECK_FALSE(got.unread());
    REQUIRE(got.pixels.size() == wanted.pixels.size());
    double greatest = 0;
    for (std::size_t i = 0; i < got.pixels.size(); ++i)
      greatest = std::max(greatest, std::abs(static_cast<double>(got.pixels[i]) - wanted.pixels[i]));
    CHECK(greatest < 1e-5);
  }
  CHECK(affine("", unread).pixels == read.pixels);  // bit for bit
}

TEST_CASE("augment.affine: twins, threads") { check_conduct("augment.affine", lively + "brightness = 0.5"); }

TEST_CASE("augment.affine keeps the range of the values") {
  for (const std::string interpolation : {"nearest", "bilinear", "cubic"}) {
    const Images changed = affine(lively + "interpolation = \"" + interpolation + "\"", pictures(50));
    const auto [low, high] = std::minmax_element(changed.pixels.begin(), changed.pixels.end());
    CHECK(*low >= 0.0f);
    CHECK(*high <= 1.0f);
  }
}

TEST_CASE("augment.affine refuses what cannot be meant") {
  CHECK(refusal("augment.affine", "zoom = [0.0, 1.0]").find("'zoom' is 0, out of range: 0.01 to 100") !=
        std::string::npos);
  CHECK(refusal("augment.affine", "rotation = [10, -10]")
            .find("the low end 10.0 is above the high end -10.0") != std::string::npos);
  CHECK(refusal("augment.affine", "shear = [0, 90]").find("'shear' is 90, out of range: -89 to 89 degrees") !=
        std::string::npos);
  CHECK(refusal("augment.affine", "probability = 1.5").find("'probability' is 1.5, out of range: 0 to 1") !=
        std::string::npos);
  CHECK(refusal("augment.affine", "fill = \"mirror\"")
            .find("expected \"nearest\" or \"constant\" or \"reflect\" or \"wrap\"") != std::string::npos);
  CHECK(
      refusal("augment.affine", "zoom = 1").find("'zoom' is 0 (1 means [0, 2]), out of range: 0.01 to 100") !=
      std::string::npos);
  CHECK(refusal("augment.affine", "brightness = 2")
            .find("'brightness' is -1 (2 means [-1, 3]), out of range: 0 to 100") != std::string::npos);
  CHECK(refusal("augment.affine", "channel_shift = 2").find("'channel_shift' is 2 (2 means") !=
        std::string::npos);
  CHECK(refusal("augment.affine", "probabilities = { shear = -1 }")
            .find("'shear' is -1, out of range: 0 to 1") != std::string::npos);
  CHECK(refusal("augment.affine", "probabilities = { turn = 1 }")
            .find("'probabilities' has no parameter 'turn'") != std::string::npos);
  CHECK(refusal("augment.affine", "compat = \"keras-1.1\"\ninterpolation = \"cubic\"")
            .find("compat = \"keras-1.1\" goes with \"bilinear\" and \"nearest\": cubic is another kernel "
                  "there (B-splines)") != std::string::npos);
  CHECK(refusal("augment.affine", "compat = \"keras\"").find("expected \"none\" or \"keras-1.1\"") !=
        std::string::npos);
  CHECK(refusal("augment.affine", "width_shift = [-inf, inf]").find("expected a finite number") !=
        std::string::npos);
}
