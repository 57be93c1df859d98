#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace twinflow {

/// A stack of equally sized images: count x channels x height x width, row-major, f32. The samplers fill them
/// with values in [0, 1]; an augmentation keeps that range unless it says otherwise.
struct Images {
  std::size_t count = 0, channels = 0, height = 0, width = 0;
  std::vector<float> pixels;

  Images() = default;
  Images(std::size_t count_, std::size_t channels_, std::size_t height_, std::size_t width_)
      : count(count_),
        channels(channels_),
        height(height_),
        width(width_),
        pixels(count_ * channels_ * height_ * width_) {}

  std::size_t plane_size() const { return height * width; }
  std::size_t image_size() const { return channels * plane_size(); }
  float* image(std::size_t i) { return pixels.data() + i * image_size(); }
  const float* image(std::size_t i) const { return pixels.data() + i * image_size(); }
  float* plane(std::size_t i, std::size_t channel) { return image(i) + channel * plane_size(); }
};

/// Images with their classes: every pair inside the batch counts.
struct ImageBatch {
  static constexpr const char* port_type = "image batch";
  Images images;
  std::vector<std::int32_t>
      classes;  // one per image; an id that is the same for the same class, within this batch
};

/// B pairs as 2B images: pair i is image i (left) and image B+i (right). Twins share one network, so both go
/// through it as one batch.
struct PairBatch {
  static constexpr const char* port_type = "pair batch";
  Images images;
  std::vector<std::uint8_t> labels;  // one per pair, 0 or 1
  std::uint8_t label_of_same = 0;    // which of the two means "same class"; read labels through same()

  std::size_t pairs() const { return labels.size(); }
  bool same(std::size_t pair) const { return labels[pair] == label_of_same; }
};

/// What an augmentation or a network takes: either kind of batch. As a port it accepts both; a map from
/// AnyBatch to AnyBatch gives out the kind it was fed.
using AnyBatch = std::variant<ImageBatch, PairBatch>;

inline Images& images_of(AnyBatch& batch) {
  return std::visit([](auto& kind) -> Images& { return kind.images; }, batch);
}

}  // namespace twinflow
