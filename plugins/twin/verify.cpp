#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collapse.h"
#include "embed_images.h"
#include "last_good.h"
#include "last_model.h"
#include "one_shot.h"
#include "shown_images.h"
#include "twinflow/dataset.h"
#include "twinflow/error.h"
#include "twinflow/folder.h"
#include "twinflow/memory_need.h"
#include "twinflow/metrics.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/model.h"
#include "verification.h"
#include "verification_pairs.h"

namespace twinflow::twin {
namespace {

/// How well a model tells pairs of the same class from pairs of different ones. Pairs are drawn once, when
/// the run starts: every epoch judges the same ones, so that epochs compare. Each image is embedded once,
/// however many pairs show it.
///
/// A collapsed model has no accuracy: it is reported as not-a-number, which no monitor takes for an
/// improvement.
class Verify final : public Stateful<Model>, public CountsMemory {
 public:
  static void describe(NodeSpec<Verify>& spec);
  void check(const Checking& checking) const;
  void count_memory(MemoryNeed& need) override {
    count_embedding(need, judged_.images.size() + choosing_.images.size());
  }
  void open() override;
  void process(Model model, const Item& item) override;
  State save() const override;
  void restore(const State& state) override;

 private:
  /// Pairs of a data set as rows of the embeddings of `images`.
  struct Judged {
    std::vector<ListedPair> listed;
    std::vector<std::size_t> images;  // each once, ascending; none where those of another set hold them
    std::vector<IndexPair> rows;
  };

  PairPlan plan() const { return {pairs, same_fraction, negatives_in_group}; }
  std::vector<ListedPair> pairs_of(const Dataset& set, const char* purpose) const;
  std::string words_for(const Dataset& set) const;
  std::vector<JudgedDistance> distances(const Model& model, const Embeddings& e, const Judged& set) const;
  static void number_images(std::size_t count, const std::vector<Judged*>& sets);
  Metrics measure(const Model& model, const Item& item);

  std::shared_ptr<const Dataset> data, validation;
  Passage through;
  std::size_t pairs = 2000;
  double same_fraction = 0.5, negatives_in_group = 0;
  std::uint64_t every = 1;
  Output<Metrics> metrics;

  Judged judged_, choosing_;  // those of data; those of validation
  std::string protocol_;
  std::uint64_t seen_ = 0;  // models
  std::optional<GoodModel> good_;
};

void Verify::describe(NodeSpec<Verify>& spec) {
  spec.summary("Measures how well a model tells pairs of one class from pairs of two.");
  spec.example(R"([node.verify]
type = "twin.verify"
from = { model = "twin.model", data = "glyphs.test", validation = "glyphs.validation" }
pairs = 200)");
  spec.input("model").doc("what to measure");
  spec.input("data", &Verify::data).doc("judged pairs, as of data.pairs, or classes to draw pairs from");
  spec.input("validation", &Verify::validation)
      .doc("likewise: on these pairs the threshold is chosen; without them, on those of data")
      .optional();
  spec.input("through", &Verify::through).doc("maps to send the images through, as those of training went");
  spec.output("metrics", &Verify::metrics).doc("what was measured, with the model");
  spec.param("pairs", &Verify::pairs)
      .range(2, 10000000)
      .doc("pairs to draw, the same ones for every model; judged pairs are all used");
  spec.param("same_fraction", &Verify::same_fraction)
      .range(0, 1)
      .doc("share of same-class pairs among those drawn, rounded to whole pairs");
  spec.param("negatives_in_group", &Verify::negatives_in_group)
      .range(0, 1)
      .doc("probability that a different-class pair stays within one group; else its classes are any two");
  spec.param("every", &Verify::every)
      .unit("models")
      .min(1)
      .doc(
          "each so many-th of the models that come is measured, and always that of the end of the last "
          "epoch that [run] asks for");
  spec.metric("accuracy", "part of the pairs judged rightly; not a number for a collapsed model",
              Better::higher);
  spec.metric("accuracy_low", "low end of its 95 % interval");
  spec.metric("accuracy_high", "high end of its 95 % interval");
  spec.metric("auc", "probability that a same pair is nearer than a different one: area under the ROC",
              Better::higher);
  spec.metric("eer", "equal error rate: as large a part of different pairs accepted as of same ones rejected",
              Better::lower);
  spec.metric("threshold", "distance up to which pairs are taken for the same");
  spec.metric("true_accept_rate", "part of the same pairs taken for the same");
  spec.metric("false_accept_rate", "part of the different pairs taken for the same");
  spec.metric("collapsed", "1 when the model tells nothing apart, else 0");
  spec.check(&Verify::check);
  spec.writes({"NAME_roc.csv", "NAME_last_good.safetensors"});
}

void Verify::check(const Checking& checking) const {
  std::vector<std::string> fed = {"data"};
  if (checking.fed_with<Dataset>("validation")) fed.emplace_back("validation");
  check_images(checking, "through", through, fed);
  const std::size_t same = plan().same_pairs();
  if (same == 0 || same == pairs)
    checking.error("same_fraction", fmt::format("of {} pairs, {} would be same ones; at least one has to be "
                                                "the same, and one different",
                                                pairs, same == 0 ? "none" : "all"));
}

void Verify::open() {
  if (validation == data)
    throw Error(
        "\"validation\" is the same data set as \"data\": without it, the threshold is chosen on the "
        "pairs of data, and said to be");
  judged_.listed = pairs_of(*data, "pairs");
  std::string chosen_on = "these very pairs";
  if (validation) {
    require_one_shape(through, "data", *data, "validation", *validation);
    choosing_.listed = pairs_of(*validation, "validation pairs");
    chosen_on = data->pairs.empty() && validation->pairs.empty()
                    ? fmt::format("as many pairs of {}", validation->description)
                    : words_for(*validation);
  }
  protocol_ = fmt::format("{}; threshold chosen on {}", words_for(*data), chosen_on);

  const bool shared = validation && validation->store == data->store;  // parts of one data set
  number_images(data->store->count(), shared ? std::vector{&judged_, &choosing_} : std::vector{&judged_});
  if (validation && !shared) number_images(validation->store->count(), {&choosing_});
  run().say(fmt::format("{}: {}", name(), protocol_));
}

/// For sets of one store of that many images: each image is embedded once, with those of the first set.
void Verify::number_images(std::size_t count, const std::vector<Judged*>& sets) {
  std::vector<bool> shown(count);
  for (const Judged* set : sets)
    for (const ListedPair& pair : set->listed) shown[pair.left] = shown[pair.right] = true;
  ShownImages made = shown_images(shown);
  for (Judged* set : sets)
    for (const ListedPair& pair : set->listed)
      set->rows.push_back({made.row[pair.left], made.row[pair.right]});
  sets[0]->images = std::move(made.images);
}

/// All judged pairs, or as many as are drawn.
std::vector<ListedPair> Verify::pairs_of(const Dataset& set, const char* purpose) const {
  if (set.classes.empty() && set.pairs.empty())
    throw Error(fmt::format("the data set '{}' holds neither pairs nor classes", set.description));
  if (set.pairs.empty()) {
    Random drawing = random({}, purpose);
    return draw_pairs(set, plan(), drawing);
  }
  for (const ListedPair& pair : set.pairs)
    if (std::max(pair.left, pair.right) >= set.store->count())
      throw Error(fmt::format("the data set '{}' has a pair of image {}, but there are {}", set.description,
                              std::max(pair.left, pair.right), set.store->count()));
  for (const bool same : {true, false})
    if (std::none_of(set.pairs.begin(), set.pairs.end(),
                     [&](const ListedPair& pair) { return pair.same == same; }))
      throw Error(fmt::format("the data set '{}' lists no {} pair: there is nothing to tell apart",
                              set.description, same ? "same" : "different"));
  return set.pairs;
}

/// "24 judged pairs, list.csv: ..." or "1000 same pairs by two people and 1000 different ones of any two
/// classes, omniglot, ...".
std::string Verify::words_for(const Dataset& set) const {
  const std::string of = set.description.empty() ? "" : ", " + set.description;
  if (!set.pairs.empty()) return fmt::format("{} judged pairs{}", set.pairs.size(), of);
  const std::size_t same = plan().same_pairs();
  const std::string negatives = negatives_in_group == 0   ? "of any two classes"
                                : negatives_in_group == 1 ? fmt::format("within one {}", set.group_word)
                                                          : fmt::format("within one {} with probability {:g}",
                                                                        set.group_word, negatives_in_group);
  return fmt::format("{} same pairs{} and {} different ones {}{}", same,
                     set.drawers.empty() ? "" : " by two people", pairs - same, negatives, of);
}

void Verify::process(Model model, const Item& item) {
  if (++seen_ % every == 0 || is_last_model(run(), item)) metrics.emit(measure(model, item), item);
}

std::vector<JudgedDistance> Verify::distances(const Model& model, const Embeddings& e,
                                              const Judged& set) const {
  std::vector<float> d(set.rows.size());
  model.distance->forward(e, set.rows, model.distance_weights(), d);
  std::vector<JudgedDistance> judged;
  for (std::size_t i = 0; i < d.size(); ++i) {
    if (!std::isfinite(d[i]))
      throw distances_not_finite(run(), model, good_, name() + "_last_good.safetensors");
    judged.push_back({d[i], set.listed[i].same});
  }
  return judged;
}

Metrics Verify::measure(const Model& model, const Item& item) {
  const auto start = std::chrono::steady_clock::now();
  const Embeddings e = embed_images(model, data->store, judged_.images, through);
  const std::vector<JudgedDistance> found = distances(model, e, judged_);
  const Roc roc(found);
  double threshold = 0.0;
  if (!validation)
    threshold = roc.best_threshold();
  else if (choosing_.images.empty())  // they are among those of judged_
    threshold = Roc(distances(model, e, choosing_)).best_threshold();
  else
    threshold =
        Roc(distances(model, embed_images(model, validation->store, choosing_.images, through), choosing_))
            .best_threshold();
  good_ = GoodModel{model.weights, model.step};
  const Roc::Point point = judge(found, threshold);
  const std::size_t right = point.true_accepts + roc.points().back().false_accepts - point.false_accepts;
  const Interval interval = wilson_interval(static_cast<double>(right), found.size());
  const bool collapsed = all_alike(e) || roc.points().size() == 2;
  if (collapsed)
    run().say(fmt::format("{}: {}", name(),
                          collapse_text(fmt::format("the model of epoch {}", model.epoch + 1),
                                        same_images(data->store, judged_.images, through))));

  Metrics made{.node = name(),
               .epoch = model.epoch,
               .step = model.step,
               .values = {{"accuracy", static_cast<double>(right) / static_cast<double>(found.size())},
                          {"accuracy_low", interval.low},
                          {"accuracy_high", interval.high},
                          {"auc", roc.area()},
                          {"eer", roc.equal_error_rate()},
                          {"threshold", threshold},
                          {"true_accept_rate", roc.true_accept_rate(point)},
                          {"false_accept_rate", roc.false_accept_rate(point)}},
               .protocol = protocol_,
               .model = model.weights};
  if (collapsed)
    for (auto& [what, value] : made.values) value = std::numeric_limits<double>::quiet_NaN();
  made.values["collapsed"] = collapsed ? 1.0 : 0.0;

  constexpr std::size_t most_points = 1000;
  const std::string file = name() + "_roc.csv";
  run().later(
      file, [this, file, text = roc_csv(roc, most_points)] { run().folder().write_atomically(file, text); });

  Numbers reported = made.values;  // with the time, which is no property of the model
  reported["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  report(item, reported);
  return made;
}

State Verify::save() const {
  State state;
  state.values["seen"] = static_cast<std::int64_t>(seen_);
  return state;
}

void Verify::restore(const State& state) {
  seen_ = static_cast<std::uint64_t>(state.value<std::int64_t>("seen"));
}

}  // namespace

TWINFLOW_NODE("twin.verify", Verify)

}  // namespace twinflow::twin
