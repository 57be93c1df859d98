#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <string>

#include "one_shot.h"
#include "one_shot_tasks.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/metrics.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {
namespace {

/// One-shot accuracy of a model. The tasks are made once, when the run starts: every epoch answers the same
/// ones, so that epochs compare. Each image is embedded once, however many tasks show it.
///
/// A collapsed model has no accuracy: it is reported as not-a-number, which no monitor takes for an
/// improvement.
class Evaluate final : public Map<Model, Metrics> {
 public:
  static void describe(NodeSpec<Evaluate>& spec) {
    spec.summary(
        "Measures one-shot accuracy: which of N classes, each shown in k images, is one more image of?");
    spec.example(R"([node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.test" }
ways = 20
trials = 400)");
    spec.input("model").doc("what to measure");
    spec.input("data", &Evaluate::data)
        .doc("classes that training has not seen; its fixed tasks, if it has any");
    spec.output("metrics").doc("the accuracy, with the model");
    spec.param("ways", &Evaluate::ways)
        .doc("classes to choose from; fixed tasks have their own")
        .range(2, 100000);
    spec.param("shots", &Evaluate::shots)
        .doc("images shown of each class; fixed tasks have their own")
        .range(1, 1000);
    spec.param("trials", &Evaluate::trials).doc("queries; fixed tasks have their own").range(1, 10000000);
    spec.metric("accuracy", "part of the queries answered rightly; not a number for a collapsed model",
                Better::higher);
    spec.metric("accuracy_low", "low end of its 95 % interval");
    spec.metric("accuracy_high", "high end of its 95 % interval");
    spec.metric("trials", "queries answered");
    spec.metric("collapsed", "1 when the model tells nothing apart, else 0");
    spec.check(&Evaluate::check);
  }

  void check(const Checking& checking) const {
    const auto trained = checking.image_shape("model"), given = checking.image_shape("data");
    if (trained && given && *trained != *given)
      checking.error_at({"from", "data"}, "the model is for images of " + trained->text() +
                                              ", but those of this data set are " + given->text());
  }

  void open() override {
    std::size_t queries = 0;
    if (data->classes.empty() && !data->pairs.empty())
      throw Error(fmt::format("the data set '{}' is a list of pairs; one-shot tasks need classes",
                              data->description));
    if (data->tasks.empty()) {
      Random drawing = random({}, "tasks");
      tasks_ = number_images(draw_tasks(*data, {ways, shots, trials}, drawing));
      queries = trials;
      protocol_ =
          fmt::format("{}-way {}-shot within one {}{}, {} trials", ways, shots, data->group_word,
                      data->drawers.empty() ? "" : ", support and query by different drawers", queries);
    } else {
      check_tasks(*data, data->tasks);
      for (const Task& task : data->tasks) queries += task.queries.size();
      tasks_ = number_images(data->tasks);
      protocol_ = fmt::format("{}, {} trials of {} fixed tasks", shape_text(), queries, data->tasks.size());
    }
    if (!data->description.empty()) protocol_ += ", " + data->description;
    run().say(fmt::format("{}: {} (with 95 % intervals)", name(), protocol_));
  }

  Metrics apply(Model model, const Item& item) const override {
    const auto start = std::chrono::steady_clock::now();
    const OneShotScore score =
        score_tasks(embed(model), tasks_.tasks, *model.distance, model.distance_weights());
    const double none = std::numeric_limits<double>::quiet_NaN();
    if (score.collapsed)
      run().say(fmt::format("{}: the model of epoch {} has collapsed: it tells no image from another", name(),
                            model.epoch + 1));
    Metrics metrics{.node = name(),
                    .epoch = model.epoch,
                    .step = model.step,
                    .values = {},
                    .protocol = protocol_,
                    .model = model.weights};
    metrics.values["accuracy"] = score.collapsed ? none : score.accuracy;
    metrics.values["accuracy_low"] = score.collapsed ? none : score.interval.low;
    metrics.values["accuracy_high"] = score.collapsed ? none : score.interval.high;
    metrics.values["trials"] = static_cast<double>(score.trials);
    metrics.values["collapsed"] = score.collapsed ? 1.0 : 0.0;
    Numbers reported = metrics.values;  // with the time, which is no property of the model
    reported["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    report(item, reported);
    return metrics;
  }

 private:
  /// All images that the tasks use, in parts: as f32 they take four times the room of the data set.
  Embeddings embed(const Model& model) const {
    constexpr std::size_t part = 1024;
    Embeddings all;
    for (std::size_t first = 0; first < tasks_.images.size(); first += part) {
      std::vector<Shot> shots;
      for (std::size_t i = first; i < std::min(first + part, tasks_.images.size()); ++i)
        shots.push_back({tasks_.images[i]});
      Images images(data->store, std::move(shots));
      images.read();
      const Embeddings some = model.embed(images);
      all.count += some.count;
      all.size = some.size;
      all.values.insert(all.values.end(), some.values.begin(), some.values.end());
    }
    return all;
  }

  /// "20-way 1-shot" when all fixed tasks are.
  std::string shape_text() const {
    const auto text = [](const Task& task) {
      const std::int32_t n = 1 + *std::max_element(task.ways.begin(), task.ways.end());
      const std::size_t shots_of_first =
          static_cast<std::size_t>(std::count(task.ways.begin(), task.ways.end(), 0));
      return fmt::format("{}-way {}-shot", n, shots_of_first);
    };
    const std::string first = text(data->tasks[0]);
    for (const Task& task : data->tasks)
      if (text(task) != first) return "tasks of several sizes";
    return first;
  }

  std::shared_ptr<const Dataset> data;
  std::size_t ways = 20, shots = 1, trials = 1000;

  NumberedTasks tasks_;
  std::string protocol_;
};

}  // namespace

TWINFLOW_NODE("twin.evaluate", Evaluate)

}  // namespace twinflow::twin
