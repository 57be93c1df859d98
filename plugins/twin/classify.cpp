#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "collapse.h"
#include "embed_images.h"
#include "one_shot.h"
#include "support.h"
#include "twinflow/dataset.h"
#include "twinflow/error.h"
#include "twinflow/folder.h"
#include "twinflow/memory_need.h"
#include "twinflow/metrics.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {
namespace {

/// What a trained model is for: says of each query image which of the support's classes it shows. Writes
/// NAME.csv, a line for each query: image, the name of its file, or its number where it is of none; class,
/// or "unknown"; score, minus the distance to the nearest class, so that more is nearer; margin, how much
/// farther the second one is; and nearest, the nearest class, also of the unknown.
class ClassifyImages final : public Sink<Model>, public CountsMemory {
 public:
  static void describe(NodeSpec<ClassifyImages>& spec);
  void check(const Checking& checking) const {
    check_images(checking, "through", through, {"support", "queries"});
  }
  void count_memory(MemoryNeed& need) override { count_embedding(need, shown_.images.size()); }
  void open() override;
  void process(Model model, const Item& item) override;

 private:
  /// The images of a data set that are in classes, class by class.
  struct Images {
    std::vector<std::size_t> images;
    std::vector<std::int32_t> of_class;
  };
  static constexpr const char* unknown = "unknown";
  static Images images_of(const Dataset& set, const char* input);
  void find_truth();

  std::shared_ptr<const Dataset> support, queries;
  Passage through;
  Classify classify = Classify::mean_distance;
  std::optional<double> unknown_beyond;

  Images shown_, asked_;
  std::vector<std::string> names_;                 // of the support's classes
  std::vector<std::optional<std::size_t>> truth_;  // of each class of the queries, which of the support's
};

void ClassifyImages::describe(NodeSpec<ClassifyImages>& spec) {
  spec.first_rank_only();
  spec.summary(
      "Writes which class each image shows, of classes known by an image or a few: NAME.csv, with image, "
      "class (or \"unknown\"), score (minus the distance), margin (how much farther the second class is) and "
      "nearest class.");
  spec.example(R"([node.load]
type = "twin.load"
file = "data/best.safetensors"

[node.faces]
type = "data.images"
path = "data/faces"
size = 20

[node.classify]
type = "twin.classify"
from = { model = "load", support = "faces.all", queries = "faces.all" }
unknown_beyond = 0.5   # twin.verify measures which distance is a good one)");
  spec.input("model").doc("what to classify them with, from twin.load");
  spec.input("support", &ClassifyImages::support).doc("the classes, with one image of each or a few");
  spec.input("queries", &ClassifyImages::queries)
      .doc("the images to classify; where they lie in folders of the support's classes, accuracy is told");
  spec.input("through", &ClassifyImages::through)
      .doc("maps to send the images through, as those of training went");
  spec.param("classify", &ClassifyImages::classify)
      .names(classify_names())
      .doc(
          "with several images of a class, how far it is: the mean distance to them, the distance to the "
          "mean of their embeddings, or the smallest distance");
  spec.param("unknown_beyond", &ClassifyImages::unknown_beyond)
      .doc(
          "an image whose nearest class is farther than this distance is \"unknown\", such as the threshold "
          "that twin.verify finds; not given: none is");
  spec.metric("queries", "images classified");
  spec.metric("unknown", "how many of them are of no class");
  spec.metric("accuracy", "part classified rightly, of the images in folders of the support's classes",
              Better::higher);
  spec.metric("accuracy_low", "low end of its 95 % interval");
  spec.metric("accuracy_high", "high end of its 95 % interval");
  spec.check(&ClassifyImages::check);
  spec.writes({"NAME.csv"});
}

ClassifyImages::Images ClassifyImages::images_of(const Dataset& set, const char* input) {
  Images found;
  for (std::size_t c = 0; c < set.classes.size(); ++c)
    for (const std::size_t image : set.classes[c].images) {
      found.images.push_back(image);
      found.of_class.push_back(static_cast<std::int32_t>(c));
    }
  if (found.images.empty())
    throw Error(fmt::format("{}: the data set '{}' has no images in classes{}", input, set.description,
                            set.pairs.empty() ? "" : "; it is a list of pairs"));
  return found;
}

void ClassifyImages::open() {
  shown_ = images_of(*support, "support");
  asked_ = images_of(*queries, "queries");
  for (const Dataset::Class& one : support->classes)
    if (one.name.empty())
      throw Error(fmt::format(
          "support: nobody knows what the images of '{}' show: lay those of a class into a folder of its own",
          support->description));
  if (support->classes.size() == 1 && !unknown_beyond)
    throw Error(fmt::format(
        "support: '{}' has but one class, '{}', so that every image would be of it: give images of further "
        "classes, or say unknown_beyond",
        support->description, support->classes[0].name));
  require_one_shape(through, "support", *support, "queries", *queries);
  for (const Dataset::Class& one : support->classes)
    names_.push_back(support->groups.size() > 1 ? support->groups[one.group] + "/" + one.name : one.name);
  if (unknown_beyond && std::find(names_.begin(), names_.end(), unknown) != names_.end())
    throw Error(fmt::format("support: a class of '{}' is called \"{}\", as images of no class are: rename it",
                            support->description, unknown));
  find_truth();
}

/// The class of that name, with its group's or without. A class of the queries without a name, as data.images
/// gives images without labels, is none of them.
void ClassifyImages::find_truth() {
  std::map<std::string, std::size_t> known;
  for (std::size_t c = 0; c < names_.size(); ++c) known[names_[c]] = c;
  for (const Dataset::Class& one : queries->classes) {
    auto found = known.find(queries->groups[one.group] + "/" + one.name);
    if (found == known.end()) found = known.find(one.name);
    truth_.push_back(found == known.end() ? std::nullopt : std::optional(found->second));
  }
}

void ClassifyImages::process(Model model, const Item& item) {
  if (unknown_beyond && *unknown_beyond < 0 && !model.distance->gives_logits())
    throw Error(
        fmt::format("unknown_beyond = {}, but the distance {} of the model is never below 0: every image "
                    "would be unknown",
                    *unknown_beyond, model.distance->type));
  const Embeddings shown = embed_images(model, support->store, shown_.images, through);
  const bool collapsed = all_alike(shown);
  if (collapsed)
    run().say(fmt::format("{}: {}", name(),
                          collapse_text("the model", same_images(support->store, shown_.images, through))));
  const Support classes(shown, shown_.of_class, classify);

  constexpr std::size_t part = 1024;  // so that memory does not grow with the queries
  std::string text = "image,class,score,margin,nearest\n";
  std::size_t unknown_count = 0, known_truth = 0, right = 0;
  std::set<std::size_t> found;
  for (std::size_t first = 0; first < asked_.images.size(); first += part) {
    const auto images = std::span(asked_.images).subspan(first);
    const Embeddings asked =
        embed_images(model, queries->store, images.first(std::min(part, images.size())), through);
    const std::vector<Support::Answer> answers = classes.classify(model, asked);
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const Support::Answer& one = answers[i];
      const bool is_unknown = unknown_beyond && one.distance > *unknown_beyond;
      const std::string image =
          queries->names.empty() ? std::to_string(images[i]) : queries->names[images[i]];
      const std::string nearest = csv_field(names_[one.nearest]);
      text += fmt::format("{},{},{:.6g},{},{}\n", csv_field(image), is_unknown ? unknown : nearest,
                          0.0 - one.distance, std::isnan(one.margin) ? "" : fmt::format("{:.6g}", one.margin),
                          nearest);
      if (is_unknown)
        ++unknown_count;
      else
        found.insert(one.nearest);
      if (const auto& truth = truth_[static_cast<std::size_t>(asked_.of_class[first + i])]) {
        ++known_truth;
        right += !is_unknown && one.nearest == *truth;
      }
    }
  }
  if (run().writes()) {
    const Folder folder = run().folder();
    const std::string file = name() + ".csv";
    folder.write_atomically(file, text);
    run().say(fmt::format("{}: {} image{} classified, {} unknown, {} of {} class{} found: {}", name(),
                          asked_.images.size(), asked_.images.size() == 1 ? "" : "s", unknown_count,
                          found.size(), names_.size(), names_.size() == 1 ? "" : "es",
                          folder.path_of(file).string()));
  }

  Numbers numbers = {{"queries", static_cast<double>(asked_.images.size())},
                     {"unknown", static_cast<double>(unknown_count)}};
  if (known_truth > 0) {
    const Interval interval = wilson_interval(static_cast<double>(right), known_truth);
    numbers["accuracy"] = static_cast<double>(right) / static_cast<double>(known_truth);
    numbers["accuracy_low"] = interval.low;
    numbers["accuracy_high"] = interval.high;
    if (collapsed)
      for (const char* what : {"accuracy", "accuracy_low", "accuracy_high"})
        numbers[what] = std::numeric_limits<double>::quiet_NaN();
    else
      run().say(fmt::format("{}: {} of the {} images in folders of these classes are classified rightly",
                            name(), value_text("accuracy", numbers["accuracy"], numbers), known_truth));
  }
  report(item, numbers);
}

}  // namespace

TWINFLOW_NODE("twin.classify", ClassifyImages)

}  // namespace twinflow::twin
