#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "log_file.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"

namespace twinflow::monitor {

/// Writes NAME.csv into the run directory, an epoch a row, as Keras' CSVLogger does. Its columns are the
/// metrics that nodes declare: they are known before the first row.
///
/// A metric's mean over the epoch is that of all that was reported: where a number was not finite, it is
/// "nan", "inf" or "-inf", so that a spoiled epoch is seen as such.
class Csv final : public Beside, public Listener {
 public:
  static void describe(NodeSpec<Csv>& spec);
  void process(Inputs<>, const Item&) override {}
  void hear(std::string_view node, const Item& item, const Numbers& values) override;
  void finish_epoch(const Item& last) override;
  State save() const override;
  void restore(const State& state) override;
  void close() override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Mean {
    double sum = 0;
    std::int64_t count = 0;
  };

  double seconds() const {
    return seconds_before_ + std::chrono::duration<double>(Clock::now() - start_).count();
  }
  LogFile::Setup setup() const;

  const Clock::time_point start_ = Clock::now();
  double seconds_before_ = 0;  // of the runs that this one resumes
  std::vector<std::string> columns_;
  std::map<std::string, Mean> means_;  // of this epoch
  std::shared_ptr<LogFile> log_;       // begun when the run directory is there
};

void Csv::describe(NodeSpec<Csv>& spec) {
  spec.first_rank_only();
  spec.summary(
      "Writes the mean over each epoch of every metric that a node declares into NAME.csv in the run "
      "directory: a table for spreadsheets and pandas, beside metrics.jsonl, which has what else is "
      "reported, too.");
  spec.writes({"NAME.csv"});
  spec.example(R"([node.table]
type = "monitor.csv")");
}

void Csv::hear(std::string_view node, const Item&, const Numbers& values) {
  for (const auto& [metric, value] : values) {
    Mean& mean = means_[fmt::format("{}.{}", node, metric)];
    mean.sum += value;
    ++mean.count;
  }
}

LogFile::Setup Csv::setup() const {
  std::string head = "epoch,step,time";
  for (const std::string& column : columns_) head += ',' + csv_field(column);
  LogFile::Setup setup{"rows of " + name() + ".csv", head + '\n', [this] {
                         return LogFile::Place{run().folder(), name() + ".csv"};
                       }};
  setup.lines = true;
  return setup;
}

void Csv::finish_epoch(const Item& last) {
  if (!log_) {
    columns_ = run().metrics();
    log_ = std::make_shared<LogFile>(setup());
  }
  std::string row = fmt::format("{},{},{:.3f}", last.epoch + 1, last.step + 1, seconds());
  for (const std::string& column : columns_) {
    row += ',';
    const auto found = means_.find(column);
    if (found == means_.end()) continue;
    const double mean = found->second.sum / static_cast<double>(found->second.count);
    row += std::isnan(mean) ? "nan" : fmt::format("{}", mean);  // which may be "-nan" otherwise
  }
  means_.clear();
  log_->add(row + '\n');
  log_->write(run());
}

State Csv::save() const {
  State state;
  state.values["seconds"] = seconds();
  for (const auto& [metric, mean] : means_) {
    state.values["sum/" + metric] = mean.sum;
    state.values["count/" + metric] = mean.count;
  }
  const std::vector<std::string> columns = log_ ? columns_ : run().metrics();
  for (std::size_t i = 0; i < columns.size(); ++i) state.values[fmt::format("column/{}", i)] = columns[i];
  if (log_) log_->write(run(), true);
  const LogFile::Mark mark = log_ ? log_->mark() : LogFile::Mark();
  state.values["bytes"] = static_cast<std::int64_t>(mark.length);
  state.values["waiting"] = mark.waiting;
  state.values["waiting_rows"] = static_cast<std::int64_t>(mark.count);
  state.values["dropped"] = static_cast<std::int64_t>(mark.dropped);
  return state;
}

void Csv::restore(const State& state) {
  const auto count = [&](const std::string& name) {
    return static_cast<std::uint64_t>(state.value<std::int64_t>(name));
  };
  seconds_before_ = state.value<double>("seconds");
  means_.clear();  // of what was reported as nodes were opened: that is in the state
  for (const auto& [key, value] : state.values) {
    if (key.starts_with("sum/")) means_[key.substr(4)].sum = state.value<double>(key);
    if (key.starts_with("count/")) means_[key.substr(6)].count = state.value<std::int64_t>(key);
  }
  columns_.clear();
  for (std::string key = "column/0"; state.has(key); key = fmt::format("column/{}", columns_.size()))
    columns_.push_back(state.value<std::string>(key));
  if (columns_ != run().metrics())
    run().say(fmt::format("{}.csv keeps the columns it began with, though the graph has other metrics now",
                          name()));
  log_ = std::make_shared<LogFile>(setup(),
                                   LogFile::Mark{count("bytes"), count("waiting_rows"), count("dropped"),
                                                 state.value<std::string>("waiting")});
}

void Csv::close() {
  if (log_) log_->close(run());
}

TWINFLOW_NODE("monitor.csv", Csv)

}  // namespace twinflow::monitor
