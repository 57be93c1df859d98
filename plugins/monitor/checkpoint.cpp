#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "books.h"
#include "history.h"
#include "improvement.h"
#include "kept_models.h"
#include "model_folder.h"
#include "twinflow/folder.h"
#include "twinflow/json_text.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"
#include "twinflow/tensors.h"
#include "watched.h"

namespace twinflow::monitor {

/// Writes, for each model that it keeps, <run directory>/NAME-step-N.safetensors, and makes links that say
/// which is which: NAME.safetensors is the best by the first metric (with best = 0: the newest),
/// NAME-METRIC.safetensors the best by each other, NAME-last.safetensors the one measured last.
///
/// To the model's own metadata it adds `epoch` (counted from 1, as it is printed), `step`, `protocol`, each
/// measured value as `metrics.NAME`, `history` (JSON: what was watched so far, see History), what Run::about
/// tells as `run.NAME`, and the `checksum` of all that.
///
/// All is done on the run's writing thread: the new file, then links, then what is not kept any more is
/// removed; so at no time a link stands for nothing, and a model that could not be written removes none.
///
/// A run may be resumed from either of the two states that were saved last. So a file goes, while the run
/// goes on, only after two saves that do not name it. At the end only what the newest names stays beside what
/// is kept, whatever was saved before. Whether a state came to be written is not known here: where two in a
/// row were given up, or the last of a run, the one on the disk may name files that are gone; restore() says
/// which, and where all are gone, what there is stays.
class Checkpoint final : public Sink<Metrics>, public Gain, public CountsMemory {
 public:
  static void describe(NodeSpec<Checkpoint>& spec);
  void check(const Checking& checking) const;
  void count_memory(MemoryNeed& need) override {
    // The two that were given last are counted by the node that trains them; one is copied as it is written.
    need.hold("models that wait to be written", static_cast<double>(most_given - 1) * need.model.bytes,
              "a smaller network");
  }
  void open() override;
  void process(Metrics metrics, const Item& item) override;
  State save() const override;
  void restore(const State& state) override;
  void close() override;

 private:
  /// Models that could not be written.
  struct Lost {
    std::vector<std::optional<Measured>> best;  // for each metric,
    std::optional<Measured> last;               // and the last of all, if it could not
  };
  static constexpr std::size_t most_given = 4;  // models that may wait to be written: they take memory

  Measured measured(const Metrics& metrics) const;
  std::map<std::string, std::string> metadata(const Metrics& metrics) const;
  void settle();
  void lose(Lost& lost, const Measured& model) const;
  static std::set<std::uint64_t> counted_on(std::set<std::uint64_t> wanted, const std::vector<Books>& saved);
  std::optional<std::uint64_t> newest_of(const KeptModels& kept) const;
  void arrange(const KeptModels& kept, std::set<std::uint64_t> wanted) const;
  std::shared_future<bool> tidy(const std::vector<Books>& saved, const std::set<std::uint64_t>& wanted) const;
  void find_files();
  static std::string told(const Measured& model, std::size_t metric);
  static std::string when(const Measured& model);
  std::string tell_best(const KeptModels& kept, std::size_t metric) const;
  std::string tell_last(const KeptModels& kept) const;
  ModelFolder folder() const { return {run().folder(), name()}; }
  std::string path_of(const std::string& file) const { return run().folder().path_of(file).string(); }
  std::vector<std::string> written(const std::string& node) const;
  std::string link_of(std::size_t metric) const { return metric == 0 ? "" : monitor.values[metric]; }
  std::string metrics_text() const { return ParamType<OneOrMore<std::string>>::text(monitor); }
  bool lower(std::size_t metric) const { return lower_is_better(mode, better[metric]); }

  OneOrMore<std::string> monitor{{"accuracy"}};
  std::vector<Better> better;
  std::size_t best = 1;
  bool last = false;
  std::uint64_t every = 0;

  Books books_;
  History history_;
  Lost lost_;
  std::set<std::uint64_t> ahead_;  // written after the state that the run was resumed from
  // What the last two saved states count on, the newest behind: either may be resumed from.
  mutable std::vector<Books> saved_;
  mutable bool leftovers_ = false;  // the state before these counted on more
};

void Checkpoint::describe(NodeSpec<Checkpoint>& spec) {
  spec.first_rank_only();
  spec.summary("Keeps the best models on disk.");
  spec.example(R"([node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy"
best = 3
last = true)");
  spec.input("in").doc("what was measured, with the model it was measured on");
  spec.param("monitor", &Checkpoint::monitor)
      .doc("the metric that decides; of several, each keeps its own best");
  spec.watches("monitor", &Checkpoint::monitor, &Checkpoint::better);
  describe_gain(spec);
  spec.param("best", &Checkpoint::best)
      .doc("how many models are kept for each metric")
      .unit("models")
      .range(0, 1000);
  spec.param("last", &Checkpoint::last).doc("the model measured last is kept, too, whatever its values");
  spec.param("every", &Checkpoint::every)
      .doc("the model of each n-th epoch is kept, too, and for good; 0: of none")
      .unit("epochs");
  spec.check(&Checkpoint::check);
  spec.writes(&Checkpoint::written);
}

std::vector<std::string> Checkpoint::written(const std::string& node) const {
  std::vector<std::string> all = {ModelFolder::file_called(node, "*"), ModelFolder::link_called(node)};
  for (std::size_t i = 1; i < monitor.values.size() && best > 0; ++i)
    all.push_back(ModelFolder::link_called(node, link_of(i)));
  if (last && best > 0) all.push_back(ModelFolder::link_called(node, "last"));
  return all;
}

void Checkpoint::check(const Checking& checking) const {
  const auto& metrics = monitor.values;
  if (metrics.size() > 1 && mode != Mode::automatic)
    checking.error("mode", "it says which way one metric is better, but monitor names several");
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    check_gain(checking, *this, better.at(i), metrics[i]);
    if (std::count(metrics.begin(), metrics.begin() + static_cast<std::ptrdiff_t>(i), metrics[i]) > 0)
      checking.error("monitor", "'" + metrics[i] + "' stands there twice");
    if (i > 0 && last && metrics[i] == "last")
      checking.error("monitor", "the best by 'last' and the last model would have one name: put it first");
  }
  if (best == 0 && !last && every == 0)
    checking.error("best", "with best = 0 nothing is kept, unless `last` or `every` says so");
}

void Checkpoint::open() {
  KeptModels::Rules rules{{}, min_delta, best, last, every};
  for (std::size_t i = 0; i < better.size(); ++i) rules.lower.push_back(lower(i));
  history_ = History(monitor.values, rules.lower);
  books_.settled = KeptModels(rules);
  lost_.best.resize(monitor.values.size());
}

Measured Checkpoint::measured(const Metrics& metrics) const {
  Measured model{metrics.epoch, metrics.step, {}, {}, {}};
  for (const std::string& metric : monitor.values) {
    model.values.push_back(watched(metrics, metric));
    model.texts.push_back(value_text(metric, model.values.back(), metrics.values));
    model.protocols.push_back(metrics.protocol_of(own_name(metrics, metric)));
  }
  return model;
}

std::map<std::string, std::string> Checkpoint::metadata(const Metrics& metrics) const {
  std::map<std::string, std::string> texts = metrics.model->metadata;
  // Of another run's checkpoint, when that is what was measured.
  std::erase_if(texts, [](const auto& one) {
    return one.first.starts_with("metrics.") || one.first.starts_with("run.");
  });
  texts["epoch"] = fmt::format("{}", metrics.epoch + 1);
  texts["step"] = fmt::format("{}", metrics.step);
  texts["protocol"] = metrics.protocol;
  for (const auto& [name, text] : metrics.protocols) texts["protocol." + name] = text;
  texts["history"] = history_.text();
  for (const auto& [name, number] : metrics.values) texts["metrics." + name] = fmt::format("{}", number);
  for (const auto& [name, text] : run().about()) texts["run." + name] = text;
  return texts;
}

void Checkpoint::process(Metrics metrics, const Item&) {
  if (!metrics.model)
    throw Error(
        fmt::format("the metrics of epoch {} come without a model, so there is nothing to save: they have to "
                    "come from a node that measures a model",
                    metrics.epoch + 1));
  const Measured model = measured(metrics);
  history_.add(model.epoch, model.step, model.values);
  // What is kept only when none of the models that stand apart can be written is given, too, and written when
  // it has come to that. (That some of them can and others cannot is not thought of: with min_delta, a model
  // may then be missed that would have been kept.)
  if (!books_.hoped().take(model) && !KeptModels(books_.settled).take(model)) return;
  if (books_.given.size() == most_given) settle();

  ahead_.erase(model.step);
  books_.given.push_back({model, std::make_shared<std::atomic<bool>>(false), {}});
  const std::string file = folder().file(model.step);
  auto write = [this, file, model, texts = metadata(metrics), weights = metrics.model, books = books_,
                saved = saved_, written = books_.given.back().written, wanted = ahead_] {
    KeptModels before = books.sure();
    // Else only what follows is tried again, or the file is there with the values that rank it, or is not
    // needed: what is written is known here, so that this one changes nothing.
    if (!*written && !before.ranks(model.step) && before.take(model)) {
      NamedTensors all = *weights;
      all.metadata = texts;
      all.metadata["checksum"] = checksum(all);
      write_safetensors(run().folder(), file, all);
    }
    *written = true;
    arrange(books.sure(), counted_on(wanted, saved));
  };
  books_.given.back().done = run().later(file, std::move(write));
}

/// Waits for the oldest model that was given to be written or given up.
void Checkpoint::settle() {
  const Given oldest = std::move(books_.given.front());
  books_.given.pop_front();
  oldest.done.wait();
  const Measured& model = oldest.model;
  if (!*oldest.written) return lose(lost_, model);
  books_.settled.take(model);
  // One that was lost later may be known already: from a state that was saved while this one stood apart.
  if (lost_.last && lost_.last->step <= model.step) lost_.last.reset();
}

void Checkpoint::lose(Lost& lost, const Measured& model) const {
  lost.last = model;
  for (std::size_t i = 0; i < lost.best.size(); ++i) {
    const double value = model.values[i];
    std::optional<Measured>& best = lost.best[i];
    if (best ? improves(value, best->values[i], lower(i), 0) : std::isfinite(value)) best = model;
  }
}

/// On the writing thread: with the steps of models that these states count on.
std::set<std::uint64_t> Checkpoint::counted_on(std::set<std::uint64_t> wanted,
                                               const std::vector<Books>& saved) {
  for (const Books& one : saved) wanted.merge(one.sure().steps());
  return wanted;
}

/// The model that is called the last.
std::optional<std::uint64_t> Checkpoint::newest_of(const KeptModels& kept) const {
  if (const Measured* model = kept.last()) return model->step;
  if (best == 0 && !kept.for_good().empty()) return kept.for_good().rbegin()->second;
  return {};
}

/// On the writing thread: links that fit what is kept, and nothing else but what is `wanted`.
void Checkpoint::arrange(const KeptModels& kept, std::set<std::uint64_t> wanted) const {
  const ModelFolder all = folder();
  for (std::size_t i = 0; i < monitor.values.size(); ++i)
    if (const Measured* model = kept.best(i)) all.point(all.link(link_of(i)), model->step);
  if (const auto newest = newest_of(kept)) all.point(all.link(best > 0 ? "last" : ""), *newest);
  wanted.merge(kept.steps());
  all.remove_others(wanted);
}

/// Has the folder put in order, behind what was given; what is `wanted`, or `saved` counts on, stays.
std::shared_future<bool> Checkpoint::tidy(const std::vector<Books>& saved,
                                          const std::set<std::uint64_t>& wanted) const {
  return run().later(folder().link(), [this, books = books_, saved, wanted] {
    arrange(books.sure(), counted_on(wanted, saved));
  });
}

State Checkpoint::save() const {
  if (leftovers_) tidy(saved_, ahead_);
  saved_.push_back(books_);
  leftovers_ = false;
  if (saved_.size() > 2) {
    const std::set<std::uint64_t> before = saved_.front().hoped().steps();
    saved_.erase(saved_.begin());
    std::set<std::uint64_t> now = saved_.front().hoped().steps();
    now.merge(saved_.back().hoped().steps());
    leftovers_ = !std::includes(now.begin(), now.end(), before.begin(), before.end());
  }

  Lost all_lost = lost_;
  nlohmann::json given = nlohmann::json::array(), lost = nlohmann::json::array();
  for (const Given& one : books_.given)
    one.failed() ? lose(all_lost, one.model) : given.push_back(measured_to_json(one.model));
  for (const auto& one : all_lost.best) lost.push_back(one ? measured_to_json(*one) : nlohmann::json());
  State state;
  state.values["monitor"] = metrics_text();
  state.values["settled"] = json_text(books_.settled.to_json());
  state.values["given"] = json_text(given);
  state.values["lost"] = json_text(lost);
  state.values["lost_last"] = json_text(all_lost.last ? measured_to_json(*all_lost.last) : nlohmann::json());
  state.values["history"] = history_.text();
  return state;
}

void Checkpoint::restore(const State& state) {
  const auto read = [&](const char* name) { return nlohmann::json::parse(state.value<std::string>(name)); };
  if (const std::string& metrics = state.value<std::string>("monitor"); metrics != metrics_text())
    throw Error(fmt::format("what is kept so far was chosen by {}: `monitor` cannot be changed to {}",
                            metrics, metrics_text()));
  books_.settled.restore(read("settled"));
  std::promise<bool> done;
  done.set_value(true);
  const std::shared_future<bool> through = done.get_future().share();
  for (const nlohmann::json& one : read("given")) {
    Measured model = measured_from_json(one);
    auto written = std::make_shared<std::atomic<bool>>(true);
    books_.given.push_back({std::move(model), std::move(written), through});
  }
  const nlohmann::json lost = read("lost"), lost_last = read("lost_last");
  for (std::size_t i = 0; i < lost_.best.size(); ++i)
    if (!lost.at(i).is_null()) lost_.best[i] = measured_from_json(lost[i]);
  if (!lost_last.is_null()) lost_.last = measured_from_json(lost_last);
  History history = history_;
  history.restore(state.value<std::string>("history"));

  find_files();
  history_ = std::move(history);  // now that nothing can fail: close() asks for it
  saved_ = {books_};
}

/// After restore(): models of which the file is not there are not kept any more. Each may bring back another,
/// that it had pushed out.
void Checkpoint::find_files() {
  const std::set<std::uint64_t> there = folder().steps();
  const auto missing = [&]() -> std::optional<std::uint64_t> {
    for (const std::uint64_t step : books_.sure().steps())
      if (!there.contains(step)) return step;
    return {};
  };
  while (const auto step = missing()) {
    run().say(fmt::format("{}: the model of step {} is not there any more: {}", name(), *step,
                          path_of(folder().file(*step))));
    books_.settled.forget(*step);
    std::erase_if(books_.given, [&](const Given& one) { return one.model.step == *step; });
  }
  ahead_ = there;
  for (const std::uint64_t step : books_.sure().steps()) ahead_.erase(step);
}

/// One metric of a model, with how it was measured.
std::string Checkpoint::told(const Measured& model, std::size_t metric) {
  const std::string& protocol = model.protocols[metric];
  return fmt::format("{}{}{}", model.texts[metric], protocol.empty() ? "" : ", ", protocol);
}

std::string Checkpoint::when(const Measured& model) {
  return fmt::format(" (epoch {}, step {})", model.epoch + 1, model.step);
}

/// What is told at the end; what is wrong is returned.
std::string Checkpoint::tell_best(const KeptModels& kept, std::size_t i) const {
  const std::string& metric = monitor.values[i];
  const Measured* model = kept.best(i);
  const std::string here = model ? fmt::format("{} {}{}: {}", metric, told(*model, i), when(*model),
                                               path_of(folder().link(link_of(i))))
                                 : "";
  if (const auto& lost = lost_.best[i]; lost && kept.would_lead(*lost, i))
    return fmt::format("the model with the best {}, {}{}, could not be written; {}", metric, told(*lost, i),
                       when(*lost), model ? "the best on the disk is " + here : "none is on the disk");
  run().say(model ? "best " + here
                  : fmt::format("{} has kept no model by {}: {}", name(), metric,
                                history_.was_finite(i) ? "the files of those it had are not there any more"
                                                       : "it was never a finite number"));
  return "";
}

std::string Checkpoint::tell_last(const KeptModels& kept) const {
  const auto values = [&](const Measured& model) {
    std::string all;
    for (std::size_t i = 0; i < monitor.values.size(); ++i)
      all += fmt::format("{}{} {}", i == 0 ? "" : "; ", monitor.values[i], told(model, i));
    return all + when(model);
  };
  const Measured* model = kept.last();
  const std::string here =
      model ? fmt::format("last {}: {}", values(*model), path_of(folder().link(best > 0 ? "last" : ""))) : "";
  if (lost_.last)
    return fmt::format("the model measured last, {}, could not be written; {}", values(*lost_.last),
                       model ? "on the disk is the " + here : "none is on the disk");
  if (!model)
    run().say(fmt::format("{} has not kept the model measured last: its file is not there any more", name()));
  else if (best == 0)
    run().say(here);
  return "";
}

void Checkpoint::close() {
  while (!books_.given.empty()) settle();
  if (history_.empty()) {
    // A run that was refused, or failed as it began, has neither saved nor restored a state.
    if (!saved_.empty()) run().say(fmt::format("{} has kept no model: none was measured", name()));
    return;
  }
  const KeptModels& kept = books_.settled;
  std::set<std::uint64_t> spared;  // better those than none
  if (kept.steps().empty()) spared = ahead_;
  if (saved_.size() > 1) saved_.erase(saved_.begin());
  const bool in_order = tidy(saved_, spared).get();
  std::vector<std::string> wrong;
  for (std::size_t i = 0; i < monitor.values.size() && best > 0; ++i) wrong.push_back(tell_best(kept, i));
  if (last) wrong.push_back(tell_last(kept));
  if (best == 0 && !last)
    run().say(fmt::format("{} has kept {} model{}, of every {}. epoch, in {}", name(), kept.for_good().size(),
                          kept.for_good().size() == 1 ? "" : "s", every, run().folder().path().string()));
  if (!spared.empty()) {
    std::vector<std::string> files;
    for (const std::uint64_t step : spared) files.push_back(folder().file(step));
    run().say(
        fmt::format("{}: as no other model is left, what was written after the state that the run was "
                    "resumed from stays: {}",
                    name(), fmt::join(files, ", ")));
  }
  std::erase(wrong, "");
  if (wrong.empty() && !in_order)
    wrong.push_back(fmt::format("the models are written, but '{}' may not stand for the best of them",
                                path_of(folder().link())));
  if (!wrong.empty()) throw Error(fmt::format("{}", fmt::join(wrong, "; ")));
}

TWINFLOW_NODE("monitor.checkpoint", Checkpoint)

}  // namespace twinflow::monitor
