#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "collapse.h"
#include "embed_images.h"
#include "finite.h"
#include "last_good.h"
#include "last_model.h"
#include "one_shot.h"
#include "one_shot_tasks.h"
#include "protocol.h"
#include "twinflow/answers.h"
#include "twinflow/dataset.h"
#include "twinflow/memory_need.h"
#include "twinflow/metrics.h"
#include "twinflow/passage.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// One-shot accuracy of models as they come. Each image is embedded once for a model, however many tasks of
/// however many protocols show it. The tasks are made once, when the run starts, so that all models answer
/// the same ones and compare; or anew for each.
///
/// A collapsed model has no accuracy: it is reported as not-a-number, which no monitor takes for an
/// improvement.
class Evaluate final : public Stateful<Model>, public TaskForm, public CountsMemory {
 public:
  static void describe(NodeSpec<Evaluate>& spec) {
    spec.summary(
        "Measures one-shot accuracy: which of N classes, each shown in k images, is one more image of?");
    spec.example(R"([node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.test" }
ways = 20
trials = 400
baseline = true

[[node.one_shot.protocol]]
name = "5way"
ways = 5
shots = 2
classify = "prototype")");
    spec.input("model").doc("what to measure");
    spec.input("data", &Evaluate::data)
        .doc("classes that training has not seen; its fixed tasks, if it has any");
    spec.input("through", &Evaluate::through)
        .doc(
            "maps that every image goes through first, in order: those that prepare the images of the "
            "training, as augment.normalize does");
    spec.input("copies_through", &Evaluate::copies_through)
        .doc(
            "with `copies`: all maps that a copy goes through, in order, those of `through` included, as "
            "[\"augmented\", \"norm\"]; the draws are the same for every model");
    spec.output("metrics", &Evaluate::metrics).doc("the accuracy, with the model");
    spec.output("wrong", &Evaluate::wrong)
        .aside()
        .doc(
            "for people to look at: how many queries were answered wrongly, and the 10000 that are most "
            "wrong, "
            "ties left out; as \"NAME.wrong\"");
    describe_parameters(spec);
    spec.param("protocol", &Evaluate::protocol)
        .doc(
            "further protocols on the same embeddings, with tasks of their own: [[node.NAME.protocol]], each "
            "reporting NAME.accuracy and so on");
    spec.param("draw", &Evaluate::draw)
        .names({{"once", Draw::once}, {"each_time", Draw::each_time}})
        .doc("whether all models answer the same tasks, or each model tasks of its own; fixed tasks stay");
    spec.param("copies", &Evaluate::copies)
        .doc(
            "an image's embedding is the mean of its own and those of so many copies of it, which went "
            "through `copies_through`; embeddings of length 1 are not made so long again: the more the "
            "copies differ, the shorter the mean, and distances of angles do not see it")
        .range(0, 1000);
    spec.param("every", &Evaluate::every)
        .doc(
            "each so many-th of the models that come is measured, and always that of the end of the last "
            "epoch that [run] asks for")
        .unit("models")
        .range(1, 1e9);
    spec.param("baseline", &Evaluate::baseline)
        .doc(
            "whether the nearest neighbour on pixels (L2) answers the first model's tasks, too; reported "
            "once, as baseline.accuracy");
    for (MetricInfo& one : metrics_of("")) spec.metric(one.name, one.doc, one.better);
    spec.more_metrics(&Evaluate::protocol_metrics);
    spec.check(&Evaluate::check);
    spec.writes({"NAME_last_good.safetensors"});
  }

  void check(const Checking& checking) const {
    check_protocols(checking);
    const bool has_maps = checking.fed_with<ImageBatch>("copies_through") ||
                          checking.fed_with<PairBatch>("copies_through");  // what they are for in training
    if (copies > 0 && !has_maps)
      checking.error(
          "copies", "copies are made by maps of the graph: write from = { ..., copies_through = [\"...\"] }");
    if (copies == 0 && has_maps)
      checking.error_at({"from", "copies_through"},
                        "no copies are made: say how many, as in copies = 4, or leave copies_through out");
    check_images(checking, "through", through, {"data"});
    if (copies > 0 && has_maps) check_images(checking, "copies_through", copies_through, {"data"});
  }

  void count_memory(MemoryNeed& need) override {
    count_embedding(need, shown_.images.size(), copies > 0 ? 2 : 1);
    count_tasks(need, *this);
    for (const Protocol& one : protocol) count_tasks(need, one);
  }

  void open() override {
    if (data->classes.empty() && !data->pairs.empty())
      throw Error(fmt::format("the data set '{}' is a list of pairs; one-shot tasks need classes",
                              data->description));
    class_of_.assign(data->store->count(), no_class);
    for (std::size_t i = 0; i < data->classes.size(); ++i)
      for (const std::size_t image : data->classes[i].images) class_of_[image] = static_cast<std::int32_t>(i);

    asked_.push_back({"", *this, !data->tasks.empty(), {}, ""});
    for (const Protocol& one : protocol) asked_.push_back({one.name + ".", one, false, {}, ""});
    if (asked_[0].fixed) asked_[0].tasks = TaskList(data->tasks);
    for (Asked& one : asked_) {
      one.text = one.fixed ? fixed_text(one.form, *data) : drawn_text(one.form, *data);
      if (!one.fixed && draw == Draw::each_time) one.text += " drawn anew for each model";
      run().say(
          fmt::format("{}: {}{} (with 95 % intervals)", name() + text_before(one), one.text, text_after()));
    }
    protocol_ = asked_[0].text + text_after();
    for (std::size_t i = 1; i < asked_.size(); ++i)
      protocols_[protocol[i - 1].name] = asked_[i].text + text_after();
    out_ = SharedOut(run().ranks());
    draw_all({});  // each_time, too: what cannot be drawn is said before the run
  }

  void process(Model model, const Item& item) override {
    ++came_;
    if (came_ % every != 0 && !is_last_model(run(), item)) return;
    // Ranks share the work at the end of an epoch, when nodes take their turns in one order on all of them.
    if (out_.ranks && item.index + 1 == run().steps_per_epoch())
      shared_.emplace(std::move(model));
    else
      measure(model, item, {});
  }
  void finish_epoch(const Item& last) override {
    if (const auto model = std::exchange(shared_, std::nullopt)) measure(*model, last, out_);
  }

  State save() const override {
    State state;
    state.values["models"] = static_cast<std::int64_t>(came_);
    state.values["baseline_told"] = std::int64_t{baseline_told_};
    return state;
  }
  void restore(const State& state) override {
    came_ = static_cast<std::uint64_t>(state.value<std::int64_t>("models"));
    baseline_told_ = state.value<std::int64_t>("baseline_told") != 0;
  }

 private:
  enum class Draw { once, each_time };
  static constexpr std::int32_t no_class = -1;

  /// A protocol at work.
  struct Asked {
    std::string prefix;  // of its metrics: "", or "5way."
    TaskForm form;
    bool fixed;
    TaskList tasks;
    std::string text;  // in words
  };

  static std::vector<MetricInfo> metrics_of(const std::string& prefix) {
    return {{prefix + "accuracy", "part of the queries answered rightly; not a number for a collapsed model",
             Better::higher},
            {prefix + "accuracy_low", "low end of its 95 % interval"},
            {prefix + "accuracy_high", "high end of its 95 % interval"},
            {prefix + "trials", "queries answered"},
            {prefix + "collapsed", "1 when the model tells nothing apart, else 0"}};
  }
  std::vector<MetricInfo> protocol_metrics() const {
    std::vector<MetricInfo> all;
    for (const Protocol& one : protocol)
      for (MetricInfo& metric : metrics_of(one.name + ".")) all.push_back(std::move(metric));
    return all;
  }

  static void count_tasks(MemoryNeed& need, const TaskForm& form) {
    const double numbers = static_cast<double>(form.ways) * static_cast<double>(form.shots) + 2;
    need.hold(fmt::format("{} tasks", form.trials),
              static_cast<double>(form.trials) * numbers * sizeof(std::uint32_t), "fewer trials");
  }

  void check_protocols(const Checking& checking) const {
    std::set<std::string> names = {"group", "baseline"};  // what other metrics begin with
    for (std::size_t i = 0; i < protocol.size(); ++i) {
      const std::string& one = protocol[i].name;
      if (one.empty() || one.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != one.npos)
        checking.error_at({"protocol", i, "name"},
                          fmt::format("a protocol cannot be called '{}': letters, digits, '_' and '-' make a "
                                      "name",
                                      one));
      else if (!names.insert(one).second)
        checking.error_at(
            {"protocol", i, "name"},
            fmt::format("there are metrics that begin with '{}.' already: take another name", one));
    }
  }

  static std::string text_before(const Asked& one) {
    return one.prefix.empty() ? "" : "." + one.prefix.substr(0, one.prefix.size() - 1);
  }
  /// What holds for all protocols.
  std::string text_after() const {
    std::string text;
    if (copies > 0) text += fmt::format(", each image averaged with {} of its copies", copies);
    if (!data->description.empty()) text += ", " + data->description;
    return text;
  }

  /// The tasks for that model, and the images that they show. A function of the seed, the node and the model:
  /// a resumed run draws the same.
  void draw_all(const Item& model) {
    std::vector<const TaskList*> lists;
    for (Asked& one : asked_) {
      if (!one.fixed) {
        Random drawing = random(model, one.prefix + "tasks");
        one.tasks = {};  // millions need room: not for two lists
        one.tasks = draw_tasks(*data, one.form.plan(), drawing);
      }
      lists.push_back(&one.tasks);
    }
    shown_ = shown_images(lists, data->store->count());
  }

  void measure(const Model& model, const Item& item, SharedOut out) {
    const auto start = std::chrono::steady_clock::now();
    if (draw == Draw::each_time) draw_all({.epoch = model.epoch, .index = model.step});
    const Embeddings embeddings = embed(model, out);
    Metrics made{.node = name(),
                 .epoch = model.epoch,
                 .step = model.step,
                 .values = {},
                 .protocol = protocol_,
                 .model = model.weights,
                 .protocols = protocols_};
    WrongAnswers mistakes{.node = name(),
                          .epoch = model.epoch,
                          .step = model.step,
                          .protocol = asked_[0].text + text_after(),
                          .trials = asked_[0].tasks.trials(),
                          .store = data->store,
                          .answers = {}};
    for (const Asked& one : asked_) {
      const bool own = &one == &asked_[0];
      ask(one, model, embeddings, made.values, own && wrong.used() ? &mistakes : nullptr);
    }
    if (std::any_of(asked_.begin(), asked_.end(),
                    [&](const Asked& one) { return made.values.at(one.prefix + "collapsed") == 1.0; }))
      run().say(fmt::format("{}: {}", name(),
                            collapse_text(fmt::format("the model of epoch {}", model.epoch + 1),
                                          same_images(data->store, shown_.images, through))));
    good_ = GoodModel{model.weights, model.step};

    Numbers reported = made.values;  // with what is no property of the model
    reported["seconds"] = seconds_since(start);
    if (!cost_told_) {
      std::size_t trials_of_all = 0;
      for (const Asked& one : asked_) trials_of_all += one.tasks.trials();
      run().say(fmt::format("{}: {} images embedded and {} trials answered in {:.2g} s", name(),
                            shown_.images.size() * (copies + 1), trials_of_all, reported["seconds"]));
      cost_told_ = true;
    }
    if (baseline && !baseline_told_) ask_pixels(reported);
    report(item, reported);
    if (wrong.used()) wrong.emit(std::move(mistakes), item);
    metrics.emit(std::move(made), item);
  }

  void ask(const Asked& one, const Model& model, const Embeddings& embeddings, Numbers& values,
           WrongAnswers* mistakes) {
    struct Sum {
      double right = 0.0;
      std::size_t trials = 0;
    };
    std::vector<Sum> groups(data->groups.size());
    const bool in_groups = one.fixed || one.form.within == Within::group;
    const auto told = [&](const Answered& answered) {
      const std::int32_t first = class_of_[answered.support[0]];
      if (in_groups && first != no_class) {
        Sum& sum = groups[data->classes[static_cast<std::size_t>(first)].group];
        sum.right += answered.score;
        ++sum.trials;
      }
      if (mistakes) note(answered, *mistakes);
    };
    OneShotScore score;
    try {
      score = score_tasks(one.tasks, one.form.classify,
                          {embeddings, shown_.row, *model.distance, model.distance_weights()}, told);
    } catch (const NotFinite&) {
      throw distances_not_finite(run(), model, good_, name() + "_last_good.safetensors");
    }
    if (mistakes) finish(*mistakes, score.collapsed);
    const double none = std::numeric_limits<double>::quiet_NaN();
    const auto add = [&](const char* what, double value) { values[one.prefix + what] = value; };
    add("accuracy", score.collapsed ? none : score.accuracy);
    add("accuracy_low", score.collapsed ? none : score.interval.low);
    add("accuracy_high", score.collapsed ? none : score.interval.high);
    add("trials", static_cast<double>(score.trials));
    add("collapsed", score.collapsed ? 1.0 : 0.0);
    const auto asked = [](const Sum& sum) { return sum.trials > 0; };
    if (std::count_if(groups.begin(), groups.end(), asked) < 2) return;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (asked(groups[i]))
        values[fmt::format("{}group.{}", one.prefix, shown(data->groups[i]))] =
            score.collapsed ? none : groups[i].right / static_cast<double>(groups[i].trials);
  }

  static void note(const Answered& answered, WrongAnswers& mistakes) {
    if (answered.score > 0.0) {
      mistakes.tied += answered.score < 1.0;
      return;
    }
    ++mistakes.wrong;
    mistakes.answers.push_back(answer_of(answered));
    if (mistakes.answers.size() == 2 * most_mistakes) keep_most_wrong(mistakes.answers);
  }
  static void finish(WrongAnswers& mistakes, bool collapsed) {
    mistakes.collapsed = collapsed;
    if (collapsed) mistakes.answers.clear();
    keep_most_wrong(mistakes.answers);
  }
  /// In order: where the class answered is nearer than the right one by most; of equal ones the first.
  static void keep_most_wrong(std::vector<Answer>& answers) {
    const auto by = [](const Answer& one) { return one.distance_to_right - one.distance_to_given; };
    std::stable_sort(answers.begin(), answers.end(),
                     [&](const Answer& a, const Answer& b) { return by(a) > by(b); });
    if (answers.size() > most_mistakes) answers.resize(most_mistakes);
  }

  static Answer answer_of(const Answered& answered) {
    Answer made{.query = answered.query,
                .right = {},
                .given = {},
                .distance_to_right = answered.to_right,
                .distance_to_given = answered.to_given};
    for (std::size_t s = 0; s < answered.support.size(); ++s) {
      if (answered.ways[s] == answered.right) made.right.push_back(answered.support[s]);
      if (answered.ways[s] == answered.given) made.given.push_back(answered.support[s]);
    }
    return made;
  }

  void ask_pixels(Numbers& reported) {
    const PixelStore& store = *data->store;
    for (const Asked& one : asked_) {
      const OneShotScore score = score_pixels(one.tasks, store);
      Numbers values{{"accuracy", score.accuracy},
                     {"accuracy_low", score.interval.low},
                     {"accuracy_high", score.interval.high}};
      run().say(fmt::format("{}: pixels' nearest neighbour, images of {}: {}", name() + text_before(one),
                            ImageShape{store.channels, store.height, store.width}.text(),
                            value_text("accuracy", score.accuracy, values)));
      for (const auto& [what, value] : values) reported[one.prefix + "baseline." + what] = value;
    }
    baseline_told_ = true;
  }

  /// All images that the tasks show.
  Embeddings embed(const Model& model, SharedOut out) const {
    Embeddings all = embed_images(model, data->store, shown_.images, through, 0, out);
    for (std::size_t copy = 1; copy <= copies; ++copy) {
      const Embeddings more = embed_images(model, data->store, shown_.images, copies_through, copy, out);
      for (std::size_t k = 0; k < all.values.size(); ++k) all.values[k] += more.values[k];
    }
    if (copies > 0)
      for (float& value : all.values) value /= static_cast<float>(copies + 1);
    return all;
  }

  static constexpr std::size_t most_mistakes = 10000;  // that are given out

  std::shared_ptr<const Dataset> data;
  Passage through, copies_through;
  std::vector<Protocol> protocol;
  Draw draw = Draw::once;
  std::size_t copies = 0;
  std::uint64_t every = 1;
  bool baseline = false;
  Output<Metrics> metrics;
  Output<WrongAnswers> wrong;

  std::vector<std::int32_t> class_of_;                         // by image of the store
  std::vector<Asked> asked_;                                   // the node's own, then the protocols
  std::string protocol_;                                       // its own, in words,
  std::map<std::string, std::string, std::less<>> protocols_;  // and those of the others, by name
  ShownImages shown_;
  SharedOut out_;
  std::optional<Model> shared_;  // to be measured together with the other ranks
  std::uint64_t came_ = 0;       // models
  std::optional<GoodModel> good_;
  bool cost_told_ = false, baseline_told_ = false;
};

}  // namespace

TWINFLOW_NODE("twin.evaluate", Evaluate)

}  // namespace twinflow::twin
