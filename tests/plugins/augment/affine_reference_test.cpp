// Parity with keras-preprocessing 1.1: see affine_reference.py.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/augment/warp.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::augment;
using twinflow::testing::Bench;

namespace {

// Places are computed in f32 here: on these images to 2e-6 pixels, while neighbours differ by up to 1, on
// both axes. The file has 5 decimals.
constexpr double tolerance = 2e-5;

const nlohmann::json& kept() {
  static const nlohmann::json made = nlohmann::json::parse(
      std::ifstream(TWINFLOW_SOURCE_DIR "/tests/plugins/augment/affine_reference.json"));
  return made;
}

std::vector<std::uint8_t> pixels(const nlohmann::json& one) {
  return kept()["images"][one["image"].get<std::string>()]["pixels"];
}
Images picture(const nlohmann::json& one) {
  const auto& shape = kept()["images"][one["image"].get<std::string>()]["shape"];
  Images images(1, shape[0], shape[1], shape[2]);
  const auto bytes = pixels(one);
  for (std::size_t i = 0; i < bytes.size(); ++i) images.pixels[i] = static_cast<float>(bytes[i]) / 255.0f;
  return images;
}

/// As a graph file would have it.
std::string toml(const nlohmann::json& one) {
  const auto& change = one["change"];
  const auto fixed = [&](const char* key, const char* keras, double none) {
    const double value = change.value(keras, none);
    return fmt::format("{0} = [{1}, {1}]\n", key, value);
  };
  return fixed("rotation", "theta", 0) + fixed("height_shift", "tx", 0) + fixed("width_shift", "ty", 0) +
         fixed("shear", "shear", 0) + fixed("zoom", "zx", 1) +
         fixed("channel_shift", "channel_shift_intensity", 0) +
         fmt::format(
             "horizontal_flip = {}\nvertical_flip = {}\nfill = {}\ninterpolation = {}\ncval = 0.3\n"
             "compat = \"keras-1.1\"\n",
             change.value("flip_horizontal", false) ? 1 : 0, change.value("flip_vertical", false) ? 1 : 0,
             one["fill"].dump(), one["interpolation"].dump());
}

AffineChange change(const nlohmann::json& one) {
  const auto& keras = one["change"];
  return {.rotation = keras.value("theta", 0.0),
          .height_shift = keras.value("tx", 0.0),
          .width_shift = keras.value("ty", 0.0),
          .shear = keras.value("shear", 0.0),
          .zoom_height = keras.value("zx", 1.0),
          .zoom_width = keras.value("zy", 1.0),
          .horizontal_flip = keras.value("flip_horizontal", false),
          .vertical_flip = keras.value("flip_vertical", false)};
}

Resampling resampling(const nlohmann::json& one) {
  const std::map<std::string, Fill> fills = {{"nearest", Fill::nearest},
                                             {"constant", Fill::constant},
                                             {"reflect", Fill::reflect},
                                             {"wrap", Fill::wrap}};
  return {one["interpolation"] == "nearest" ? Interpolation::nearest : Interpolation::bilinear,
          fills.at(one["fill"]), 0.3, Compat::keras_1_1};
}

template <class Made>
double greatest_difference(const nlohmann::json& one, const Made& made) {
  const std::vector<double> wanted = one["made"];
  REQUIRE(made.size() == wanted.size());
  double greatest = 0;
  for (std::size_t i = 0; i < made.size(); ++i)
    greatest = std::max(greatest, std::abs(static_cast<double>(made[i]) - wanted[i]));
  return greatest;
}

/// All channels of the picture, by one warp each.
template <class Source>
std::vector<float> warped(const nlohmann::json& one, const Source& source) {
  const Images shape = picture(one);
  std::vector<float> made(source.size());
  const AffineMatrix matrix = affine_matrix(change(one), shape.height, shape.width, Compat::keras_1_1);
  for (std::size_t at = 0; at < source.size(); at += shape.plane_size())
    warp(source.data() + at, made.data() + at, shape.height, shape.width, matrix, resampling(one));
  return made;
}

}  // namespace

TEST_CASE("warp with compat makes what keras-preprocessing makes, from floats and from bytes") {
  REQUIRE(kept()["cases"].size() == 88);
  for (const auto& one : kept()["cases"]) {
    if (one["change"].contains("channel_shift_intensity")) continue;
    CAPTURE(one["image"].dump());
    CAPTURE(one["change"].dump());
    CAPTURE(one["fill"].dump());
    CAPTURE(one["interpolation"].dump());
    CHECK(greatest_difference(one, warped(one, picture(one).pixels)) < tolerance);
    CHECK(greatest_difference(one, warped(one, pixels(one))) < tolerance);
  }
}

TEST_CASE("augment.affine with compat makes what keras-preprocessing makes") {
  int compared = 0;
  for (const auto& one : kept()["cases"]) {
    if (one["change"].value("zx", 1.0) != one["change"].value("zy", 1.0)) continue;  // a range fixes both
    CAPTURE(one["change"].dump());
    CAPTURE(one["fill"].dump());
    Bench bench("augment.affine", toml(one));
    CHECK(greatest_difference(one, bench.apply<ImageBatch>(ImageBatch{picture(one), {0}}).images.pixels) <
          tolerance);
    ++compared;
  }
  CHECK(compared >= 40);
}
