#include "record.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "files.h"
#include "registry.h"

namespace twinflow {

namespace {

using Json = nlohmann::json;

std::string clock_text(double seconds) {
  const auto whole = static_cast<long>(seconds + 0.5);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Record::Record(const Plan& plan) : plan_(plan), terminal_(isatty(STDOUT_FILENO)) {}

double Record::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Record::create(const std::filesystem::path& output) {
  const std::lock_guard lock(mutex_);
  directory_ = output;
  if (output.empty()) {
    const std::time_t now = std::time(nullptr);
    const std::string stamp = fmt::format("{:%Y-%m-%d_%H-%M-%S}", fmt::localtime(now));
    const std::filesystem::path folder = std::filesystem::path("runs") / plan_.graph_name;
    std::filesystem::create_directories(folder);
    directory_ = folder / stamp;
    for (int again = 2; !std::filesystem::create_directory(directory_);
         ++again)  // several runs started in one second
      directory_ = folder / fmt::format("{}_{}", stamp, again);
  }
  if (std::filesystem::exists(directory_ / "metrics.jsonl"))
    throw Error(
        fmt::format("'{}' already holds a run: name another folder with --output", directory_.string()));
  std::error_code failed;
  std::filesystem::create_directories(directory_, failed);
  if (failed)
    throw Error(fmt::format("cannot make the run directory '{}': {}", directory_.string(), failed.message()));
  write_atomically(directory_ / "graph.toml", plan_.resolved_toml);
  metrics_.open(directory_ / "metrics.jsonl");
  log_.open(directory_ / "log.txt");
  if (!metrics_ || !log_)
    throw Error(fmt::format("cannot write into the run directory '{}'", directory_.string()));
  for (const std::string& line : said_early_) log_ << line << '\n';
  log_.flush();
}

void Record::print(const std::string& line) {
  if (progress_shown_) fmt::print("\r\033[K");
  progress_shown_ = false;
  fmt::print("{}\n", line);
  std::fflush(stdout);
  if (log_.is_open())
    log_ << line << std::endl;
  else
    said_early_.push_back(line);
}

void Record::say(const std::string& line) {
  const std::lock_guard lock(mutex_);
  print(line);
}

void Record::report(std::string_view node, const Item& item, const Numbers& values) {
  const std::lock_guard lock(mutex_);
  const std::string name(node);
  if (metrics_.is_open())
    metrics_ << Json({{"time", std::round(seconds() * 1000) / 1000},
                      {"epoch", item.epoch},
                      {"step", item.step},
                      {"node", name},
                      {"metrics", values}})
                    .dump()
             << std::endl;
  if (!metrics_) throw Error(fmt::format("cannot write '{}'", (directory_ / "metrics.jsonl").string()));
  for (const auto& [key, value] : values) last_[name][key] = value;
  for (const auto& planned : plan_.nodes) {
    if (planned.name != name || planned.info->metrics.empty()) continue;
    const auto found = values.find(planned.info->metrics.front().name);
    if (found == values.end()) continue;
    headlines_[name].sum += found->second;
    headlines_[name].count += 1;
  }
  if (terminal_) show_progress(item);
}

std::string Record::headline(bool whole_epoch) const {
  std::string all;
  for (const auto& planned : plan_.nodes) {
    const auto found = headlines_.find(planned.name);
    if (found == headlines_.end()) continue;
    const std::string& metric = planned.info->metrics.front().name;
    const double value = whole_epoch ? found->second.sum / static_cast<double>(found->second.count)
                                     : last_.at(planned.name).at(metric);
    all += fmt::format("  {}.{} {}", planned.name, metric, value_text(metric, value, last_.at(planned.name)));
  }
  return all;
}

void Record::show_progress(const Item& item) {
  const auto now = std::chrono::steady_clock::now();
  if (progress_shown_ && now - progress_at_ < std::chrono::milliseconds(200)) return;
  progress_at_ = now;
  progress_shown_ = true;
  const double steps = static_cast<double>(item.step + 1), rate = steps / seconds();
  const double all_steps = static_cast<double>(plan_.run.epochs * plan_.run.steps_per_epoch);
  fmt::print("\r\033[Kepoch {}/{}  step {}/{}  {:.1f} steps/s{}  at most {} left", item.epoch + 1,
             plan_.run.epochs, item.index + 1, plan_.run.steps_per_epoch, rate, headline(false),
             clock_text((all_steps - steps) / rate));
  std::fflush(stdout);
}

void Record::epoch_done(std::uint64_t epoch, std::uint64_t step) {
  const std::lock_guard lock(mutex_);
  print(fmt::format("epoch {}/{}  step {}{}  {}", epoch + 1, plan_.run.epochs, step, headline(true),
                    clock_text(seconds())));
  headlines_.clear();
}

void Record::finish(const std::string& status, const std::string& reason, std::uint64_t epochs,
                    std::uint64_t steps, const std::vector<NodeTime>& times, std::uint64_t most_in_flight) {
  const std::lock_guard lock(mutex_);
  if (progress_shown_) print("");
  if (!log_.is_open()) return;
  Json nodes = Json::object();
  log_ << fmt::format("\n{:<16}{:<20}{:>8}{:>12}{:>12}{:>12}{:>14}\n", "node", "type", "items", "mean (ms)",
                      "wait (ms)", "idle (ms)", "epoch ends (s)");
  for (const NodeTime& one : times) {
    const double per_item = one.items ? 1000.0 / static_cast<double>(one.items) : 0;
    nodes[one.name] = {{"type", one.type},
                       {"items", one.items},
                       {"body_seconds", one.body_seconds},
                       {"wait_seconds", one.wait_seconds},
                       {"idle_seconds", one.idle_seconds},
                       {"finish_seconds", one.finish_seconds}};
    log_ << fmt::format("{:<16}{:<20}{:>8}{:>12.3f}{:>12.3f}{:>12.3f}{:>14.2f}\n", one.name, one.type,
                        one.items, one.body_seconds * per_item, one.wait_seconds * per_item,
                        one.idle_seconds * per_item, one.finish_seconds);
  }
  log_ << fmt::format("most items in flight: {}\n{}: {}\n", most_in_flight, status, reason) << std::flush;
  const Json result = {
      {"status", status},     {"reason", reason}, {"epochs", epochs}, {"steps", steps},
      {"seconds", seconds()}, {"metrics", last_}, {"nodes", nodes},   {"most_in_flight", most_in_flight}};
  write_atomically(directory_ / "result.json",
                   result.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

}  // namespace twinflow
