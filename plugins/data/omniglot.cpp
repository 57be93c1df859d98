#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <opencv2/core.hpp>
#include <optional>
#include <utility>

#include "collection.h"
#include "omniglot_images.h"
#include "omniglot_runs.h"
#include "picture.h"
#include "split.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"

namespace twinflow::data {

namespace fs = std::filesystem;

/// Omniglot's zips or unpacked folders. Nothing is read before an output asks for it, and each output reads
/// only its own: the runs leave the background images alone. `train`, `validation` and `all` share one store.
class Omniglot final : public Constants {
 public:
  static void describe(NodeSpec<Omniglot>& spec);
  void check(const Checking& checking) const;
  std::optional<ImageShape> image_shape(std::optional<ImageShape>) const { return {{1, size, size}}; }
  void open() override;

 private:
  enum class Set { background, small1, small2, small, evaluation };

  Dataset train();
  Dataset validation();
  Dataset test();
  Dataset all();
  Dataset runs();

  std::string set_name() const;
  void read_images();
  Collection read(const std::string& stem) const;
  PictureForm form() const { return {size, invert}; }

  fs::path path;
  Set set = Set::background;
  std::size_t size = PictureForm::drawn;  // pixels
  bool invert = true;
  std::size_t validation_alphabets = 0;
  std::vector<std::string> validation_names;
  Split split;

  fs::path folder_;
  std::optional<Dataset> all_;         // once read
  std::vector<std::size_t> held_out_;  // groups of all_
};

namespace {

const std::vector<std::string> collections = {"images_background", "images_background_small1",
                                              "images_background_small2", "images_evaluation", "all_runs"};

bool has_omniglot(const fs::path& folder) {
  for (const std::string& stem : collections)
    if (find_collection(folder, stem)) return true;
  return false;
}

}  // namespace

void Omniglot::describe(NodeSpec<Omniglot>& spec) {
  spec.summary("Omniglot's alphabets and its official one-shot runs, from the published zips.");
  spec.example(R"([node.omniglot]
type = "data.omniglot"
path = "data/omniglot"
size = 28

[node.batches]
type = "sample.classes"
from = "omniglot.train"

[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "omniglot.runs" })");
  spec.param("path", &Omniglot::path)
      .doc(
          "folder with the zips or their unpacked folders; when empty, $TWINFLOW_OMNIGLOT where that is set, "
          "else data/omniglot or ../shared/data/omniglot, from the working folder");
  spec.param("set", &Omniglot::set)
      .names({{"background", Set::background},
              {"small1", Set::small1},
              {"small2", Set::small2},
              {"small", Set::small},
              {"evaluation", Set::evaluation}})
      .doc(
          "which images: all 30 background alphabets, one of the two sets of 5, both of these, 8 together, "
          "or the 20 alphabets to evaluate on, which the official runs are taken from");
  spec.param("size", &Omniglot::size)
      .unit("pixels")
      .range(8, PictureForm::drawn)
      .doc("height and width of the images");
  spec.param("invert", &Omniglot::invert).doc("strokes bright on black, rather than dark on white");
  spec.param("validation_alphabets", &Omniglot::validation_alphabets)
      .range(0, 29)
      .doc("how many alphabets to hold out of train, chosen by the run's seed");
  spec.param("validation_names", &Omniglot::validation_names)
      .doc("the alphabets to hold out of train, by name");
  spec.param("split", &Omniglot::split)
      .doc(
          "what validation and test hold, rather than validation_alphabets or validation_names; by maker, "
          "each class keeps the drawings of 12 of the 20 drawers for training, as Koch 2015 did, with "
          "{ by = \"maker\", validation = 0.2, test = 0.2 }");
  spec.output("train", &Omniglot::train).doc("the set without what is held out");
  spec.output("validation", &Omniglot::validation).doc("what is held out for choosing");
  spec.output("test", &Omniglot::test).doc("what a split holds out for testing");
  spec.output("all", &Omniglot::all).doc("the whole set");
  spec.output("runs", &Omniglot::runs).doc("the 20 official one-shot runs of 20 trials each");
  spec.image_shape(&Omniglot::image_shape);
  spec.check(&Omniglot::check);
}

void Omniglot::check(const Checking& checking) const {
  if (validation_alphabets > 0 && !validation_names.empty())
    checking.error("validation_alphabets", "give either validation_alphabets or validation_names, not both");
  if (split.holds_out() && (validation_alphabets > 0 || !validation_names.empty()))
    checking.error("split", "give either split, or validation_alphabets or validation_names, not both");
}

void Omniglot::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  std::vector<fs::path> places = {path};
  std::string who;  // who named the place
  if (path.empty()) {
    places = {fs::path("data") / "omniglot", fs::path("..") / "shared" / "data" / "omniglot"};
    if (const char* set_path = std::getenv("TWINFLOW_OMNIGLOT"); set_path && *set_path) {
      places = {set_path};
      who = " (TWINFLOW_OMNIGLOT)";
    }
  }
  std::vector<std::string> looked;
  for (const fs::path& place : places) {
    if (has_omniglot(place)) {
      folder_ = place;
      return;
    }
    looked.push_back("'" + place.string() + "'" + who);
  }
  throw Error(
      fmt::format("Omniglot was not found; looked in {} for {}.zip, or for folders of these names; "
                  "apps/get-omniglot downloads it",
                  fmt::join(looked, " and "), fmt::join(collections, ".zip, ")));
}

Collection Omniglot::read(const std::string& stem) const {
  const auto found = find_collection(folder_, stem);
  if (!found)
    throw Error(fmt::format("there is neither {0}.zip nor a folder {0} in '{1}'", stem, folder_.string()));
  return read_collection(*found);
}

std::string Omniglot::set_name() const {
  switch (set) {
    case Set::small1:
      return "omniglot background, small set 1";
    case Set::small2:
      return "omniglot background, small set 2";
    case Set::small:
      return "omniglot background, small sets 1 and 2";
    case Set::evaluation:
      return "omniglot evaluation";
    case Set::background:
      break;
  }
  return "omniglot background";
}

void Omniglot::read_images() {
  if (all_) return;
  std::vector<Collection> parts;
  if (set == Set::background) parts.push_back(read("images_background"));
  if (set == Set::evaluation) parts.push_back(read("images_evaluation"));
  if (set == Set::small1 || set == Set::small) parts.push_back(read("images_background_small1"));
  if (set == Set::small2 || set == Set::small) parts.push_back(read("images_background_small2"));
  std::size_t images = 0;
  for (const Collection& one : parts) images += one.files.size();
  will_hold(run(), name(),
            {fmt::format("{} images", images), static_cast<double>(images * size * size), "smaller images"});
  Dataset data = read_omniglot_images(parts, form());
  data.description = summary(set_name(), data);

  held_out_ = groups_named(data, validation_names);
  if (validation_alphabets > 0 && validation_alphabets < data.groups.size()) {
    held_out_ = random({}, "validation alphabets").choose(data.groups.size(), validation_alphabets);
    std::sort(held_out_.begin(), held_out_.end());
  }
  if (validation_alphabets >= data.groups.size() || held_out_.size() == data.groups.size())
    throw Error(fmt::format("holding out {} of {} alphabets for validation leaves none to train on",
                            std::max(validation_alphabets, held_out_.size()), data.groups.size()));
  all_ = std::move(data);
}

Dataset Omniglot::train() {
  read_images();
  if (split.holds_out()) return split_part(*all_, split, Part::train, set_name());
  return part_of(*all_, others(all_->groups.size(), held_out_), set_name() + ", for training");
}

Dataset Omniglot::validation() {
  read_images();
  if (split.holds_out()) return split_part(*all_, split, Part::validation, set_name());
  if (held_out_.empty())
    throw Error("the output 'validation' is empty: set validation_alphabets, validation_names or split");
  return part_of(*all_, held_out_, set_name() + ", held out");
}

Dataset Omniglot::test() {
  read_images();
  return split_part(*all_, split, Part::test, set_name());
}

Dataset Omniglot::all() {
  read_images();
  return *all_;
}

Dataset Omniglot::runs() { return read_omniglot_runs(read("all_runs"), form()); }

TWINFLOW_NODE("data.omniglot", Omniglot)

}  // namespace twinflow::data
