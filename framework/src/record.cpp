#include "record.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "console.h"
#include "registry.h"
#include "twinflow/json_text.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

using Json = nlohmann::json;
constexpr std::size_t most_metrics = 100'000;  // of a node: every state holds the last value of each

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

double busy_seconds(const std::vector<Record::NodeTime>& times) {
  double all = 0;
  for (const Record::NodeTime& one : times) all += one.seconds();
  return all;
}

}  // namespace

Record::Record(const Plan& plan, bool quiet)
    : plan_(plan), quiet_(quiet), terminal_(!quiet && Console::instance().shows_progress()) {
  for (const std::string& one : plan.run.progress) {
    const auto dot = one.find('.');
    shown_.emplace_back(one.substr(0, dot), one.substr(dot + 1));
  }
  if (!shown_.empty()) return;
  for (const Plan::PlannedNode& node : plan.nodes)
    if (!node.metrics.empty()) shown_.emplace_back(node.name, node.metrics.front().name);
}

double Record::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(RunningClock::now() - start_).count();
}

void Record::check_output(const std::filesystem::path& output) const {
  folders_.check(output, plan_.graph_name);
}

const Folder& Record::folder() const {
  if (directory_.empty() || following_)
    throw Error(following_ ? "only the first rank writes into the run directory"
                           : "the run directory is not there yet: it is made when all nodes are open");
  return *folder_;
}

void Record::create(const std::filesystem::path& output) {
  const std::lock_guard lock(mutex_);
  folder_ = folders_.make(output, plan_.graph_name);
  lock_.emplace(*folder_, [this](const std::string& line) { print(line); });
  refuse_run(*folder_);
  for (const char* file : {"metrics.jsonl", "log.txt", "result.json"})
    folder_->remove(file);  // of a run that was killed before its first state
  folder_->write_atomically("graph.toml", plan_.resolved_toml);
  graph_written_ = true;
  write_into();
}

void Record::hold(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  folder_ = folders_.open(directory);
  lock_.emplace(*folder_, [this](const std::string& line) { print(line); });
}

void Record::restore(const State& state) {
  const std::lock_guard lock(mutex_);
  directory_ = folder_->absolute_path();
  reported_early_.clear();  // as nodes were opened: that stands there since the run began
  last_.clear();
  best_.clear();
  means_.clear();
  metrics_bytes_ = static_cast<std::uint64_t>(state.value<std::int64_t>("metrics_bytes"));
  seconds_before_ = state.value<double>("seconds");
  for (const auto& [key, value] : state.values) {
    const auto first = key.find('/'), second = key.find('/', first + 1);
    if (second == key.npos) continue;
    const std::string what = key.substr(0, first), node = key.substr(first + 1, second - first - 1),
                      name = key.substr(second + 1);
    if (what == "last") last_[node][name] = state.value<double>(key);
    if (what == "best") best_[node][name].value = state.value<double>(key);
    if (what == "best_epoch") best_[node][name].epoch = state.value<std::int64_t>(key);
    if (what == "best_step") best_[node][name].step = state.value<std::int64_t>(key);
    if (what == "sum") means_[{node, name}].sum = state.value<double>(key);
    if (what == "count") means_[{node, name}].count = state.value<std::int64_t>(key);
  }
}

void Record::resume() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lost;
  for (const char* file : {"metrics.jsonl", "log.txt"})
    if (!folder_->exists(file))
      lost.push_back(fmt::format("'{}' is missing: it begins anew", folder_->path_of(file).string()));
  FolderFile metrics = folder_->open("metrics.jsonl");
  const std::uint64_t found = metrics.size();
  if (found > metrics_bytes_) metrics.resize(metrics_bytes_);
  if (found < metrics_bytes_ && found > 0)
    lost.push_back(fmt::format("'{}' has {} of the {} bytes that the state knows: it goes on at its end",
                               metrics.path().string(), found, metrics_bytes_));
  write_into();
  for (const std::string& line : lost) print(line);
}

void Record::follow(const std::filesystem::path& directory) {
  const std::lock_guard lock(mutex_);
  directory_ = directory;
  following_ = true;
  said_early_.clear();
  reported_early_.clear();
}

State Record::save() {
  const std::lock_guard lock(mutex_);
  metrics_->sync();
  if (!graph_written_) {
    folder_->remove("result.json");  // of the run that this one takes over
    folder_->write_atomically("graph.toml", plan_.resolved_toml);
    graph_written_ = true;
  }
  State state;
  state.values["metrics_bytes"] = static_cast<std::int64_t>(metrics_->size());
  state.values["seconds"] = seconds();
  for (const auto& [node, numbers] : last_)
    for (const auto& [name, value] : numbers) state.values[fmt::format("last/{}/{}", node, name)] = value;
  for (const auto& [node, bests] : best_)
    for (const auto& [name, best] : bests) {
      state.values[fmt::format("best/{}/{}", node, name)] = best.value;
      state.values[fmt::format("best_epoch/{}/{}", node, name)] = best.epoch;
      state.values[fmt::format("best_step/{}/{}", node, name)] = best.step;
    }
  for (const auto& [metric, mean] : means_) {
    state.values[fmt::format("sum/{}/{}", metric.first, metric.second)] = mean.sum;
    state.values[fmt::format("count/{}/{}", metric.first, metric.second)] = mean.count;
  }
  return state;
}

void Record::write_into() {
  metrics_.emplace(folder_->open("metrics.jsonl"));
  log_.emplace(folder_->open("log.txt"));
  directory_ = folder_->absolute_path();
  for (const std::string& line : said_early_) write(log_, &line);
  for (const std::string& line : reported_early_) write(metrics_, &line);
}

/// Gives out why it cannot; empty: what is written is there.
std::string Record::repair() {
  try {
    for (std::optional<LineFile>* file : {&metrics_, &log_})
      if (const std::string found = (*file)->repair(); !found.empty()) print(found);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Tells when lines begin to be kept, and when they are written again.
void Record::write(std::optional<LineFile>& file, const std::string* line) {
  const bool kept = !file->trouble().empty();
  try {
    line ? file->add(*line) : file->write();
  } catch (const FolderClosed&) {  // the run ends for that: see lost()
    return;
  }
  if (kept == !file->trouble().empty()) return;
  print(kept ? fmt::format("'{}' is written again", file->path().string())
             : fmt::format("{}: its lines are kept, and tried again", file->trouble()));
}

std::string Record::trouble() {
  const std::lock_guard lock(mutex_);
  if (following_) return "";
  if (std::string why = repair(); !why.empty()) return why;
  write(metrics_);
  return metrics_->trouble();
}

void Record::write_all() {
  const std::lock_guard lock(mutex_);
  for (std::optional<LineFile>* file : {&metrics_, &log_}) {
    if (!*file) continue;
    write(*file);
    if (!(*file)->trouble().empty()) throw Error((*file)->trouble() + ": lines of it are lost");
  }
  if (!lost_.empty()) throw Error(lost_);
}

void Record::log(const std::string& said) {
  if (following_) return;
  const std::string line = shown_lines(said);
  if (!log_) return said_early_.push_back(line);
  try {
    write(log_, &line);
  } catch (const Error& error) {  // whoever has something to say does not deal with that
    lost_ = error.what();
  }
}

void Record::print(const std::string& line) {
  if (!quiet_) {
    print_line(line + "\n");
    progress_shown_ = false;
  }
  log(line);
}

void Record::say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  print(line);
}

void Record::log_only(const std::string& line) {
  const std::lock_guard lock(mutex_);
  log(line);
}

const MetricInfo* Record::declared(const std::string& node, const std::string& metric) const {
  for (const Plan::PlannedNode& planned : plan_.nodes)
    if (planned.name == node)
      for (const MetricInfo& one : planned.metrics)
        if (one.name == metric) return &one;
  return nullptr;
}

void Record::report(std::string_view node, const Item& item, const Numbers& values) {
  const std::lock_guard lock(mutex_);
  if (following_) return;
  const std::string name(node);
  const std::string line = json_text(Json({{"time", std::round(seconds() * 1000) / 1000},
                                           {"epoch", item.epoch},
                                           {"step", item.step},
                                           {"node", name},
                                           {"metrics", values}}));
  if (metrics_)
    write(metrics_, &line);
  else
    reported_early_.push_back(line);
  if (log_ && !log_->trouble().empty()) write(log_);
  Numbers& last = last_[name];
  for (const auto& [key, value] : values) {
    last[key] = value;
    if (last.size() > most_metrics)
      throw Error(
          fmt::format("it has reported more than {} metrics of different names: a number that changes "
                      "with each step belongs into a value, not into a name",
                      most_metrics));
    const MetricInfo* info = declared(name, key);
    if (!info || info->better == Better::unknown || !std::isfinite(value)) continue;
    const auto [best, first] = best_[name].try_emplace(key);
    if (first || (info->better == Better::lower ? value < best->second.value : value > best->second.value))
      best->second = {value, static_cast<std::int64_t>(item.epoch), static_cast<std::int64_t>(item.step)};
  }
  for (const Metric& metric : shown_) {
    if (metric.first != name || !values.contains(metric.second)) continue;
    Mean& mean = means_[metric];
    const double value = values.find(metric.second)->second;
    if (std::isnan(value)) continue;  // there was nothing to measure
    mean.sum += value;
    ++mean.count;
  }
  if (!first_ && metrics_) first_ = {item.step, std::chrono::steady_clock::now()};
  if (terminal_) show_progress(item);
}

/// "3/10", or "3" where nobody knows of how many.
std::string Record::epoch_text(std::uint64_t epoch) const {
  return plan_.run.epochs.unlimited ? fmt::format("{}", epoch + 1)
                                    : fmt::format("{}/{}", epoch + 1, plan_.run.epochs.number);
}

/// How long the run still lasts, at that many items a second; empty where nothing says how long it is.
std::string Record::left_text(std::uint64_t step, double rate) const {
  double left = HUGE_VAL;
  const double done = static_cast<double>(step) + 1, epoch = static_cast<double>(steps_per_epoch_);
  if (!plan_.run.epochs.unlimited)  // at least the epoch that it is in: it may have been made shorter
    left = (std::max(static_cast<double>(plan_.run.epochs.number) * epoch, std::ceil(done / epoch) * epoch) -
            done) /
           rate;
  if (plan_.run.max_steps) left = std::min(left, (static_cast<double>(*plan_.run.max_steps) - done) / rate);
  if (plan_.run.max_time) left = std::min(left, static_cast<double>(plan_.run.max_time->seconds) - seconds());
  return std::isfinite(left) ? fmt::format("  at most {} left", clock_text(std::max(left, 0.0))) : "";
}

std::string Record::headline(bool whole_epoch) const {
  std::string all;
  for (const Metric& metric : shown_) {
    const auto mean = means_.find(metric);
    if (mean == means_.end()) continue;
    const auto& [node, name] = metric;
    // Of several measurements in an epoch the last one has the interval that is shown.
    const bool with_interval = last_.at(node).contains(name + "_low");
    const double value = whole_epoch && !with_interval
                             ? mean->second.sum / static_cast<double>(mean->second.count)
                             : last_.at(node).at(name);
    all += fmt::format("  {}.{} {}", node, name, value_text(name, value, last_.at(node)));
  }
  return all;
}

void Record::show_progress(const Item& item) {
  const auto now = std::chrono::steady_clock::now();
  if (progress_shown_ && now - progress_at_ < std::chrono::milliseconds(200)) return;
  progress_at_ = now;
  progress_shown_ = true;
  std::string pace;  // since the first step of this process: what came before was opening the data
  if (item.step > first_->first) {
    const double rate = static_cast<double>(item.step - first_->first) /
                        std::chrono::duration<double>(now - first_->second).count();
    pace = fmt::format("  {:.1f} items/s{}", rate, left_text(item.step, rate));
  }
  Console::instance().progress(fmt::format("epoch {}  step {}/{}{}{}", epoch_text(item.epoch), item.index + 1,
                                           steps_per_epoch_, pace, headline(false)));
}

void Record::epoch_done(std::uint64_t epoch, std::uint64_t step) {
  const std::lock_guard lock(mutex_);
  print(
      fmt::format("epoch {}  step {}{}  {}", epoch_text(epoch), step, headline(true), clock_text(seconds())));
  means_.clear();
  if (!following_) repair();  // what cannot be done now is tried again
}

void Record::tell_times(const std::vector<NodeTime>& times, std::uint64_t most_in_flight) {
  const std::lock_guard lock(mutex_);
  if (!log_) return;  // nothing has run
  const double busy = busy_seconds(times);
  std::size_t name_width = 4, type_width = 4;
  for (const NodeTime& one : times) {
    name_width = std::max(name_width, one.name.size());
    type_width = std::max(type_width, one.type.size());
  }
  print(fmt::format("{:<{}}  {:<{}}{:>9}{:>11}{:>11}{:>8}{:>11}{:>11}{:>12}", "node", name_width, "type",
                    type_width, "items", "total (s)", "mean (ms)", "share", "wait (ms)", "idle (ms)",
                    "epochs (s)"));
  for (const NodeTime& one : times) {
    const double per_item = one.items ? 1000.0 / static_cast<double>(one.items) : 0;
    print(fmt::format("{:<{}}  {:<{}}{:>9}{:>11.2f}{:>11.3f}{:>7.1f}%{:>11.3f}{:>11.3f}{:>12.2f}", one.name,
                      name_width, one.type, type_width, one.items, one.seconds(), one.body_seconds * per_item,
                      100 * one.share(busy), one.wait_seconds * per_item, one.idle_seconds * per_item,
                      one.finish_seconds));
  }
  print(fmt::format("at most {} items in flight", most_in_flight));
}

void Record::finish(const std::string& status, const std::string& reason, std::uint64_t epochs,
                    std::uint64_t steps, const std::vector<NodeTime>& times, std::uint64_t most_in_flight,
                    std::optional<double> save_seconds) {
  const std::lock_guard lock(mutex_);
  const auto end = [&] {
    const std::string line = fmt::format("{}: {}", status, reason);
    status == "failed" ? log(line) : print(line);  // a failure is told on standard error
  };
  if (!log_ || lost()) return end();  // nothing has run, or nothing may be written
  const double busy = busy_seconds(times);
  Json nodes = Json::object();
  for (const NodeTime& one : times)
    nodes[one.name] = {{"type", one.type},
                       {"items", one.items},
                       {"body_seconds", one.body_seconds},
                       {"wait_seconds", one.wait_seconds},
                       {"idle_seconds", one.idle_seconds},
                       {"finish_seconds", one.finish_seconds},
                       {"share", one.share(busy)}};
  end();
  Json best = Json::object();
  for (const auto& [node, bests] : best_)
    for (const auto& [name, one] : bests)
      best[node][name] = {{"value", one.value}, {"epoch", one.epoch}, {"step", one.step}};
  Json result = {{"status", status},
                 {"reason", shown_lines(reason)},
                 {"epochs", epochs},
                 {"steps", steps},
                 {"seconds", seconds()},
                 {"metrics", last_},
                 {"best", best},
                 {"nodes", nodes},
                 {"most_in_flight", most_in_flight}};
  if (save_seconds) result["save_seconds"] = *save_seconds;
  folder_->write_atomically("result.json", json_text(result, 2) + "\n");
}

}  // namespace twinflow
