#include <fmt/format.h>

#include <filesystem>
#include <opencv2/core.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "csv.h"
#include "image_loading.h"
#include "image_settings.h"
#include "pair_list.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"
#include "twinflow/start_files.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace fs = std::filesystem;

/// A list of judged pairs of image files, as verification sets have it. There are no classes. Everything is
/// read in open(), each image once; the outputs share it.
class Pairs final : public Constants, public ImageSettings {
 public:
  static void describe(NodeSpec<Pairs>& spec);
  void check(const Checking& checking) const { check_settings(checking); }
  void open() override;

 private:
  Dataset train() { return part(PairList::Part::train, "train", "for training"); }
  Dataset validation() { return part(PairList::Part::validation, "validation", "for validation"); }
  Dataset test() { return part(PairList::Part::test, "test", "for testing"); }
  Dataset all() { return all_; }

  Dataset part(PairList::Part which, const std::string& output, const std::string& purpose) const;
  void say(const std::string& line) const { run().say(name() + ": " + line); }

  fs::path file;
  std::uint8_t label_of_same = 0;

  PairList list_;
  Dataset all_;
};

namespace {

/// "3 same and 4 different pairs of 9 images"
std::string counted(const std::vector<ListedPair>& pairs) {
  std::size_t same = 0;
  std::set<std::size_t> images;
  for (const ListedPair& pair : pairs) {
    same += pair.same;
    images.insert({pair.left, pair.right});
  }
  return fmt::format("{} same and {} different pairs of {} images", same, pairs.size() - same, images.size());
}

}  // namespace

void Pairs::describe(NodeSpec<Pairs>& spec) {
  spec.summary("Pairs of image files that a CSV file lists as same or different: signatures, faces.");
  spec.example(R"([node.signatures]
type = "data.pairs"
file = "data/signatures/pairs.csv"   # left,right,label,split
size = 20

[node.batches]
type = "sample.pairs"
from = "signatures.train")");
  reads_at_start("data.pairs", "file");
  spec.param("file", &Pairs::file)
      .required()
      .doc(
          "the CSV file, whose first line names the columns, in any order: left and right, image files "
          "relative to its folder; label, same, different, 0 or 1; and, if wanted, split, train, validation "
          "or "
          "test, without which all is for training");
  spec.param("label_of_same", &Pairs::label_of_same)
      .range(0, 1)
      .doc("which of the labels 0 and 1 in the file means same");
  describe_settings(spec);
  spec.output("train", &Pairs::train).doc("the pairs for training");
  spec.output("validation", &Pairs::validation).doc("the pairs for choosing");
  spec.output("test", &Pairs::test).doc("the pairs for testing");
  spec.output("all", &Pairs::all).doc("all pairs");
  spec.check(&Pairs::check);
}

void Pairs::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  list_ = read_pair_list(read_csv(file), file.parent_path(), label_of_same);
  std::vector<fs::path> files;
  for (const PairList::Image& image : list_.images) files.push_back(image.file);
  Loading loading = this->loading([this](const std::string& line) { say(line); });
  loading.will_hold = [this](const std::string& what, double bytes, const std::string& advice) {
    twinflow::will_hold(run(), name(), {what, bytes, advice});
  };
  loading.skip_bad = true;  // so as to say which line names it
  const Loaded loaded = load_images(std::move(files), loading);
  for (std::size_t i = 0; i < list_.images.size(); ++i)
    if (!loaded.places[i]) throw Error(list_.images[i].where + ": " + loaded.skipped.front());

  all_.store = loaded.store;
  all_.pairs = list_.pairs;
  for (const PairList::Image& image : list_.images) all_.names.push_back(image.name);
  const std::string name = shown(file.filename().string());
  all_.description = fmt::format("{}: {}", name, counted(all_.pairs));
  say(fmt::format("{}, {} x {} pixels", all_.description, all_.store->width, all_.store->height));
  if (const std::string shared = list_.shared_images(); !shared.empty()) say("warning: " + shared);
}

Dataset Pairs::part(PairList::Part which, const std::string& output, const std::string& purpose) const {
  Dataset part;
  part.store = all_.store;
  part.names = all_.names;
  part.pairs = list_.of(which);
  if (part.pairs.empty())
    throw Error(fmt::format("the output '{0}' is empty: no line of {1} has the split '{0}'", output,
                            shown(file.string())));
  part.description = fmt::format("{}, {}: {}", shown(file.filename().string()), purpose, counted(part.pairs));
  say(part.description);
  return part;
}

TWINFLOW_NODE("data.pairs", Pairs)

}  // namespace twinflow::data
