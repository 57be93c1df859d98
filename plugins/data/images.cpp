#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "decode.h"
#include "image_folder.h"
#include "image_loading.h"
#include "image_settings.h"
#include "natural.h"
#include "split.h"
#include "twinflow/memory_need.h"
#include "twinflow/pattern.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace fs = std::filesystem;

/// A folder of images as a data set. Everything is read in open(); the outputs share it.
class ImageFiles final : public Constants, public ImageSettings {
 public:
  static void describe(NodeSpec<ImageFiles>& spec);
  void check(const Checking& checking) const;
  void open() override;

 private:
  enum class Labels { folders, none };
  enum class OnBadImage { error, skip };

  Dataset train() { return part(Part::train); }
  Dataset validation() { return part(Part::validation); }
  Dataset test() { return part(Part::test); }
  Dataset all() { return all_; }

  Dataset part(Part which) const;
  void keep(const std::vector<std::optional<std::size_t>>& places);
  std::vector<std::int32_t> makers_of(const std::vector<fs::path>& files);
  void say(const std::string& line) const { run().say(name() + ": " + line); }
  void say_skipped(const std::vector<std::string>& problems) const;
  void require_enough() const;

  fs::path path;
  Labels labels = Labels::folders;
  Layout layout = Layout::detect;
  OnBadImage on_bad_image = OnBadImage::error;
  std::size_t min_images = 1;
  std::string maker;
  Split split;

  Dataset all_;
  std::vector<std::string> makers_;
};

void ImageFiles::describe(NodeSpec<ImageFiles>& spec) {
  spec.summary(
      "Images from a folder of class folders, or of group folders of class folders, or without classes.");
  spec.example(R"([node.faces]
type = "data.images"
path = "data/faces"
size = 20
fit = "pad"
split = { by = "class", validation = 0.2, test = 0.2 }

[node.batches]
type = "sample.classes"
from = "faces.train")");
  spec.param("path", &ImageFiles::path).required().doc("the folder");
  spec.param("labels", &ImageFiles::labels)
      .names({{"folders", Labels::folders}, {"none", Labels::none}})
      .doc(
          "where an image's class is from: the folder it lies in; or nobody knows it, and all images in the "
          "folder and in those in it are one class without a name");
  spec.param("layout", &ImageFiles::layout)
      .names({{"detect", Layout::detect}, {"classes", Layout::classes}, {"groups", Layout::groups}})
      .doc("what the folders in it are: classes, groups of class folders, or whichever the files show");
  describe_settings(spec);
  spec.param("on_bad_image", &ImageFiles::on_bad_image)
      .names({{"error", OnBadImage::error}, {"skip", OnBadImage::skip}})
      .doc("whether a file that is not a whole image ends the run, or is left out, counted and listed");
  spec.param("min_images", &ImageFiles::min_images).min(1).doc("a class with fewer is an error");
  spec.param("maker", &ImageFiles::maker)
      .doc(
          "a regular expression whose first group takes from a file's name who made the image (a drawer, a "
          "camera): \"_(\\\\d+)\\\\.png$\"; empty: nobody knows");
  spec.param("split", &ImageFiles::split).doc("what validation and test hold; train holds the rest");
  spec.output("train", &ImageFiles::train).doc("what is not held out");
  spec.output("validation", &ImageFiles::validation).doc("what is held out for choosing");
  spec.output("test", &ImageFiles::test).doc("what is held out for testing");
  spec.output("all", &ImageFiles::all).doc("all images");
  spec.check(&ImageFiles::check);
}

void ImageFiles::check(const Checking& checking) const {
  check_settings(checking);
  if (labels == Labels::none && layout != Layout::detect)
    checking.error("layout", "with labels = \"none\" the folders mean nothing: images may lie anywhere");
  if (maker.empty()) {
    if (split.by == Split::By::makers)
      checking.error("split", "to split by maker, say in 'maker' how a file's name tells who made the image");
    return;
  }
  try {
    if (Pattern(maker).groups() == 0)
      checking.error("maker", "the regular expression has no group, in (), that takes the maker");
  } catch (const Error& error) {
    checking.error("maker", error.what());
  }
}

void ImageFiles::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  ImageFolder found = labels == Labels::none ? list_unlabelled(path) : list_images(path, layout);
  std::vector<fs::path> files;
  all_.groups = found.groups;
  for (ImageFolder::Class& one : found.classes) {
    std::vector<std::size_t> images(one.files.size());
    std::iota(images.begin(), images.end(), files.size());
    all_.classes.push_back({one.name, one.group, std::move(images)});
    std::move(one.files.begin(), one.files.end(), std::back_inserter(files));
  }
  require_enough();
  for (const fs::path& file : files) all_.names.push_back(shown(file.lexically_relative(path).string()));
  if (!maker.empty()) all_.drawers = makers_of(files);

  const auto start = std::chrono::steady_clock::now();
  Loading loading = this->loading([this](const std::string& line) { say(line); });
  loading.will_hold = [this](const std::string& what, double bytes, const std::string& advice) {
    twinflow::will_hold(run(), name(), {what, bytes, advice});
  };
  loading.skip_bad = on_bad_image == OnBadImage::skip;
  const Loaded loaded = load_images(std::move(files), loading);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  say_skipped(loaded.skipped);
  keep(loaded.places);
  require_enough();
  all_.store = loaded.store;
  const std::string folder = shown(fs::canonical(path).filename().string());
  all_.description = labels == Labels::none
                         ? fmt::format("{}: {} images without labels", folder, all_.image_count())
                         : summary(folder, all_);
  const PixelStore& store = *loaded.store;
  const double mib = static_cast<double>(store.image_size()) / (1 << 20);
  say(fmt::format(
      "{}, {} x {} pixels, read in {:.1f} s ({:.0f} a second); {:.1f} of {:.1f} MiB are kept decoded",
      all_.description, store.width, store.height, took.count(),
      static_cast<double>(loaded.places.size()) / took.count(), mib * static_cast<double>(store.kept_count()),
      mib * static_cast<double>(store.count())));
}

/// Until here classes, names and makers speak of files; now of the images that these have become.
void ImageFiles::keep(const std::vector<std::optional<std::size_t>>& places) {
  for (Dataset::Class& one : all_.classes) {
    std::vector<std::size_t> images;
    for (const std::size_t file : one.images)
      if (places[file]) images.push_back(*places[file]);
    one.images = std::move(images);
  }
  std::size_t count = 0;
  for (std::size_t file = 0; file < places.size(); ++file) {
    if (!places[file]) continue;
    if (count != file) all_.names[count] = std::move(all_.names[file]);
    if (!all_.drawers.empty()) all_.drawers[count] = all_.drawers[file];
    ++count;
  }
  all_.names.resize(count);
  if (!all_.drawers.empty()) all_.drawers.resize(count);
}

void ImageFiles::require_enough() const {
  for (const Dataset::Class& one : all_.classes)
    if (one.images.size() < min_images)
      throw Error(
          fmt::format("{}: {} {} image{}, fewer than min_images = {}", quoted(path),
                      one.name.empty()
                          ? "there are"
                          : fmt::format("the class '{}{}' has",
                                        all_.groups.size() > 1 ? all_.groups[one.group] + "/" : "", one.name),
                      one.images.size(), one.images.size() == 1 ? "" : "s", min_images));
}

std::vector<std::int32_t> ImageFiles::makers_of(const std::vector<fs::path>& files) {
  const Pattern expression(maker);
  std::map<std::string, std::int32_t, decltype(&natural_less)> numbers(natural_less);
  std::vector<std::string> names;
  for (const fs::path& file : files) {
    const auto found = expression.first_group(file.filename().string());
    if (!found || found->empty())
      throw Error(fmt::format("{}: the name does not tell who made the image: maker = \"{}\" does not fit it",
                              quoted(file), maker));
    names.push_back(*found);
    numbers[names.back()];
  }
  for (auto& [name, number] : numbers) {
    number = static_cast<std::int32_t>(makers_.size());
    makers_.push_back(name);
  }
  std::vector<std::int32_t> made_by;
  for (const std::string& name : names) made_by.push_back(numbers[name]);
  return made_by;
}

void ImageFiles::say_skipped(const std::vector<std::string>& problems) const {
  if (problems.empty()) return;
  constexpr std::size_t most = 10;
  say(fmt::format("{} bad image{} left out{}", problems.size(), problems.size() == 1 ? " is" : "s are",
                  problems.size() > most ? fmt::format("; the first {}:", most) : ":"));
  for (std::size_t i = 0; i < std::min(most, problems.size()); ++i) say("  " + problems[i]);
}

Dataset ImageFiles::part(Part which) const {
  const Dataset made =
      split_part(all_, split, which, shown(fs::canonical(path).filename().string()), makers_);
  say(made.description);
  return made;
}

TWINFLOW_NODE("data.images", ImageFiles)

}  // namespace twinflow::data
