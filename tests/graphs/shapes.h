#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "twinflow/random.h"
#include "twinflow/tensors.h"

/// Images to tell apart, and a model that does, for the graphs that use a trained one.
namespace shapes {

/// A dark part on a bright image: 0 its left half, 1 its top half, 2 its middle; however large, in colour or
/// in grey, in the format of the ending.
inline void write(const std::filesystem::path& file, int shape, int size, bool color) {
  cv::Mat picture(size, size + size / 20, color ? CV_8UC3 : CV_8U, cv::Scalar(200, 220, 240));
  const int h = picture.rows, w = picture.cols;
  const cv::Rect parts[] = {{0, 0, w / 2, h}, {0, 0, w, h / 2}, {w / 4, h / 4, w / 2, h / 2}};
  picture(parts[shape]).setTo(cv::Scalar(30, 20, 10));
  std::filesystem::create_directories(file.parent_path());
  REQUIRE(cv::imwrite(file.string(), picture));
}

/// A dense layer of random weights over 12 x 12 pixels: it keeps distances well enough.
inline void write_model(const std::filesystem::path& file) {
  twinflow::NamedTensors model;
  twinflow::Random random(1, 0, 0);
  std::vector<float> weights(32 * 144);
  for (float& one : weights) one = static_cast<float>(random.normal() / 8.0);
  model.tensors["0.dense.weight"] = {{32, 144}, weights};
  model.tensors["0.dense.bias"] = {{32}, std::vector<float>(32)};
  model.metadata = {{"network", "[{ type = \"dense\", units = 32 }]"},
                    {"distance", "\"l2\""},
                    {"image", "1x12x12"},
                    {"precision", "f32"}};
  write_safetensors(file, model);
}

}  // namespace shapes
