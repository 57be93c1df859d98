#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::augment {

namespace {

struct Scale {
  double mean = 0, std = 1;

  void apply(float* values, std::size_t count) const {
    for (std::size_t k = 0; k < count; ++k) values[k] = static_cast<float>((values[k] - mean) / std);
  }
};

constexpr double least_std = 1e-6;  // added to what is measured

Scale measure(const float* values, std::size_t count) {
  double sum = 0, squares = 0;
  for (std::size_t k = 0; k < count; ++k) sum += values[k];
  const double mean = sum / static_cast<double>(count);
  for (std::size_t k = 0; k < count; ++k) squares += (values[k] - mean) * (values[k] - mean);
  return {mean, std::sqrt(squares / static_cast<double>(count)) + least_std};
}

/// How often each value of a channel's pixels comes up. Whole numbers: their sum does not depend on the
/// order.
using Histogram = std::array<std::uint64_t, 256>;

std::vector<Histogram> count_pixels(const Dataset& data) {
  std::vector<std::size_t> all;
  for (const Dataset::Class& one : data.classes) all.insert(all.end(), one.images.begin(), one.images.end());
  const PixelStore& store = *data.store;
  const std::size_t plane = store.height * store.width;
  return tbb::parallel_reduce(
      tbb::blocked_range<std::size_t>(0, all.size(), 64), std::vector<Histogram>(store.channels),
      [&](const tbb::blocked_range<std::size_t>& range, std::vector<Histogram> counts) {
        std::vector<std::uint8_t> scratch;
        for (std::size_t i = range.begin(); i < range.end(); ++i) {
          const std::uint8_t* pixel = store.look(all[i], scratch).data();
          for (Histogram& channel : counts)
            for (std::size_t k = 0; k < plane; ++k) ++channel[*pixel++];
        }
        return counts;
      },
      [](std::vector<Histogram> counts, const std::vector<Histogram>& more) {
        for (std::size_t channel = 0; channel < counts.size(); ++channel)
          for (std::size_t value = 0; value < 256; ++value) counts[channel][value] += more[channel][value];
        return counts;
      });
}

Scale measure(const Histogram& histogram) {
  const auto mean_of = [&](auto&& number) {
    double count = 0, sum = 0;
    for (std::size_t value = 0; value < 256; ++value) {
      count += static_cast<double>(histogram[value]);
      sum += static_cast<double>(histogram[value]) * number(unit_pixel(static_cast<std::uint8_t>(value)));
    }
    return sum / count;
  };
  const double mean = mean_of([](double x) { return x; });
  return {mean, std::sqrt(mean_of([&](double x) { return (x - mean) * (x - mean); })) + least_std};
}

}  // namespace

/// x = (x - mean) / std, where mean and std are, by mode,
///
///     fixed         those given, for all channels or for each
///     per_sample    those of the image itself, all channels together
///     per_feature   those of each channel of a data set: Keras' featurewise_center and
///                   featurewise_std_normalization
///
/// To a measured std 1e-6 is added, as Keras does, so that a constant image becomes zeros.
class Normalize final : public Map<AnyBatch, AnyBatch> {
 public:
  static constexpr bool takes_share = true;
  static void describe(NodeSpec<Normalize>& spec);
  void check(const Checking& checking) const;
  void open() override;
  AnyBatch apply(AnyBatch batch, const Item& item) const override;

 private:
  enum class Mode { fixed, per_sample, per_feature };

  std::shared_ptr<const Dataset> data;
  Mode mode = Mode::per_sample;
  std::vector<double> mean, std;

  std::vector<Scale> channels_;  // one for all, or one for each; empty: the image's own
};

void Normalize::describe(NodeSpec<Normalize>& spec) {
  spec.prepares();
  spec.summary(
      "Brings images to mean 0 and standard deviation 1. The result leaves [0, 1]. "
      "twin.evaluate sends its images through it where its `through` says so.");
  spec.example(R"([node.normalized]
type = "augment.normalize"
from = { in = "augmented", data = "glyphs.train" }
mode = "per_feature")");
  spec.input("data", &Normalize::data)
      .optional()
      .doc("with mode = \"per_feature\": whose mean and deviation, such as the training set");
  spec.param("mode", &Normalize::mode)
      .names({{"fixed", Mode::fixed}, {"per_sample", Mode::per_sample}, {"per_feature", Mode::per_feature}})
      .doc("by the mean and std given here, by each image's own, or by those of a data set's channels");
  spec.param("mean", &Normalize::mean).doc("with mode = \"fixed\": one value, or one for each channel");
  spec.param("std", &Normalize::std)
      .min(1e-6)
      .doc("with mode = \"fixed\": one value, or one for each channel");
  spec.check(&Normalize::check);
}

void Normalize::check(const Checking& checking) const {
  const bool has_data = checking.fed_with<Dataset>("data");
  if (mode == Mode::per_feature && !has_data)
    checking.error("mode", "\"per_feature\" needs a data set: from = { in = ..., data = ... }");
  if (mode != Mode::per_feature && has_data)
    checking.error("mode", "only \"per_feature\" looks at a data set");
  if (mode == Mode::fixed && (mean.empty() || std.empty()))
    checking.error("mode", "\"fixed\" needs a mean and a std");
  if (mode != Mode::fixed && !mean.empty()) checking.error("mean", "only mode = \"fixed\" takes a mean");
  if (mode != Mode::fixed && !std.empty()) checking.error("std", "only mode = \"fixed\" takes a std");
  if (mean.size() > 1 && std.size() > 1 && mean.size() != std.size())
    checking.error("std", fmt::format("{} values of std, but {} of mean", std.size(), mean.size()));
}

void Normalize::open() {
  if (mode == Mode::fixed) {
    channels_.resize(std::max(mean.size(), std.size()));
    for (std::size_t channel = 0; channel < channels_.size(); ++channel)
      channels_[channel] = {mean[mean.size() > 1 ? channel : 0], std[std.size() > 1 ? channel : 0]};
  } else if (mode == Mode::per_feature) {
    if (data->image_count() == 0) throw Error(fmt::format("{} has no images to measure", data->description));
    for (const Histogram& histogram : count_pixels(*data)) channels_.push_back(measure(histogram));
  }
}

AnyBatch Normalize::apply(AnyBatch batch, const Item&) const {
  Images& images = images_of(batch);
  const bool one_for_all = mode == Mode::fixed && channels_.size() == 1;
  if (mode != Mode::per_sample && !one_for_all && channels_.size() != images.channels)
    throw Error(
        fmt::format("the images have {} channel{}, {} {}", images.channels, images.channels == 1 ? "" : "s",
                    mode == Mode::fixed ? "mean and std are for" : "the data set has", channels_.size()));
  tbb::parallel_for(std::size_t{0}, images.count, [&](std::size_t i) {
    if (channels_.size() <= 1) {
      const Scale scale = channels_.empty() ? measure(images.image(i), images.image_size()) : channels_[0];
      scale.apply(images.image(i), images.image_size());
    } else {
      for (std::size_t channel = 0; channel < images.channels; ++channel)
        channels_[channel].apply(images.plane(i, channel), images.plane_size());
    }
  });
  return batch;
}

TWINFLOW_NODE("augment.normalize", Normalize)

}  // namespace twinflow::augment
