#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fit.h"
#include "idx_file.h"
#include "split.h"
#include "twinflow/interrupt.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::data {

namespace fs = std::filesystem;

/// MNIST and its kin: a file of images and one of labels. A label is a class; there are no groups, and nobody
/// knows who made an image. Everything is read in open(); the outputs share it.
class Idx final : public Constants {
 public:
  static void describe(NodeSpec<Idx>& spec);
  void check(const Checking& checking) const;
  std::optional<ImageShape> image_shape(std::optional<ImageShape>) const;
  void open() override;

 private:
  Dataset train() { return part(Part::train); }
  Dataset validation() { return part(Part::validation); }
  Dataset test() { return part(Part::test); }
  Dataset all() { return all_; }

  Dataset part(Part which) const;
  std::shared_ptr<const PixelStore> store(IdxFile& file) const;
  std::string class_name(std::size_t label, std::size_t image) const;

  fs::path images, labels;
  std::size_t size = 0;  // pixels; 0: as in the file
  bool invert = false;
  std::vector<std::string> class_names;
  Split split;

  static constexpr double most_gib = 16;  // a slip of the keyboard rather than a wish
  Dataset all_;
};

void Idx::describe(NodeSpec<Idx>& spec) {
  spec.summary("Images and labels from two files in the format of MNIST, plain or compressed with gzip.");
  spec.example(R"([node.digits]
type = "data.idx"
images = "data/mnist/train-images-idx3-ubyte.gz"
labels = "data/mnist/train-labels-idx1-ubyte.gz"
size = 20
split = { by = "class", test = 0.2 }

[node.batches]
type = "sample.classes"
from = "digits.train")");
  spec.param("images", &Idx::images).required().doc("the file of images: bytes, images x height x width");
  spec.param("labels", &Idx::labels).required().doc("the file of labels: a byte for each image");
  spec.param("size", &Idx::size)
      .unit("pixels")
      .range(0, 1024)
      .doc("height and width of the images; 0: those in the file");
  spec.param("invert", &Idx::invert).doc("white becomes black: for dark strokes on white paper");
  spec.param("class_names", &Idx::class_names)
      .doc("what each label is called, from label 0 on; when empty, by its number");
  spec.param("split", &Idx::split).doc("what validation and test hold; train holds the rest");
  spec.output("train", &Idx::train).doc("what is not held out");
  spec.output("validation", &Idx::validation).doc("what is held out for choosing");
  spec.output("test", &Idx::test).doc("what is held out for testing");
  spec.output("all", &Idx::all).doc("all images");
  spec.image_shape(&Idx::image_shape);
  spec.check(&Idx::check);
}

void Idx::check(const Checking& checking) const {
  for (auto one = class_names.begin(); one != class_names.end(); ++one)
    if (std::find(class_names.begin(), one, *one) != one)
      checking.error("class_names", fmt::format("two labels are called '{}'", *one));
  if (split.by == Split::By::makers)
    checking.error("split", "a split by maker is impossible: IDX files do not tell who made an image");
}

std::optional<ImageShape> Idx::image_shape(std::optional<ImageShape>) const {
  if (size == 0) return std::nullopt;  // the file decides
  return {{1, size, size}};
}

void Idx::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  IdxFile pictures(images, 3), marks(labels, 1);
  if (pictures.shape()[0] != marks.shape()[0])
    throw Error(fmt::format("{} holds {} images, but {} {} labels", images.string(), pictures.shape()[0],
                            labels.string(), marks.shape()[0]));
  std::map<std::uint8_t, std::vector<std::size_t>> by_label;  // sorted
  const std::vector<std::uint8_t> label_of = marks.read();
  for (std::size_t i = 0; i < label_of.size(); ++i) by_label[label_of[i]].push_back(i);
  all_.groups = {"all"};
  for (auto& [label, members] : by_label)
    all_.classes.push_back({class_name(label, members.front()), 0, std::move(members)});
  all_.store = store(pictures);
  all_.description = summary(images.filename().string(), all_);
  run().say(fmt::format("{}: {}", name(), all_.description));
}

std::shared_ptr<const PixelStore> Idx::store(IdxFile& file) const {
  const std::size_t count = file.shape()[0], height = file.shape()[1], width = file.shape()[2];
  Fit fit;
  fit.height = size > 0 ? size : height;
  fit.width = size > 0 ? size : width;
  fit.invert = invert;
  auto store = std::make_shared<PixelStore>();
  store->height = fit.height;
  store->width = fit.width;
  const double gib = static_cast<double>(count * store->image_size()) / (1 << 30);
  if (gib > most_gib)
    throw Error(fmt::format("the {} images of {} would take {:.0f} GiB at size {}, more than {:.0f}", count,
                            images.string(), gib, size, most_gib));
  will_hold(
      run(), name(),
      {fmt::format("{} images", count), static_cast<double>(count * store->image_size()), "smaller images"});
  std::vector<std::uint8_t> read = file.read();
  if (fit.height == height && fit.width == width && !invert) {
    store->pixels = std::move(read);
    return store;
  }
  store->pixels.resize(count * store->image_size());
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    throw_if_interrupted();
    const cv::Mat picture(static_cast<int>(height), static_cast<int>(width), CV_8U,
                          &read[i * height * width]);
    fit_image(picture, fit, images.string(), &store->pixels[i * store->image_size()]);
  });
  return store;
}

/// `image`: the first of that label.
std::string Idx::class_name(std::size_t label, std::size_t image) const {
  if (class_names.empty()) return std::to_string(label);
  if (label >= class_names.size())
    throw Error(fmt::format("{}: image {} has the label {}, but class_names names only the labels 0 to {}",
                            labels.string(), image, label, class_names.size() - 1));
  return class_names[label];
}

Dataset Idx::part(Part which) const {
  const Dataset made = split_part(all_, split, which, images.filename().string());
  run().say(fmt::format("{}: {}", name(), made.description));
  return made;
}

TWINFLOW_NODE("data.idx", Idx)

}  // namespace twinflow::data
