#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "contains.h"
#include "temp_folder.h"
#include "twinflow/folder.h"
#include "twinflow/metrics.h"
#include "twinflow/tensors.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

/// Measured after `epoch` epochs (from 1) of 10 steps, on a model of one weight: the epoch.
Metrics measured(std::uint64_t epoch, Numbers values, std::string protocol = "") {
  auto model = std::make_shared<NamedTensors>();
  model->tensors["weight"] = {{1}, {static_cast<float>(epoch)}};
  model->metadata["network"] = "conv4";
  return {"one_shot", epoch - 1, epoch * 10, std::move(values), std::move(protocol), model};
}

/// What there is: "best-step-20", and links as "best > best-step-20", all without their ending.
using Names = std::vector<std::string>;
Names listed(const std::filesystem::path& folder) {
  const auto name = [](const std::filesystem::path& file) {
    return file.extension() == ".safetensors" ? file.stem().string() : file.string();
  };
  Names all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    all.push_back(name(entry.path().filename()));
    if (entry.is_symlink()) all.back() += " > " + name(std::filesystem::read_symlink(entry.path()));
  }
  std::sort(all.begin(), all.end());
  return all;
}

struct Saving : Bench {
  TempFolder folder;
  explicit Saving(const std::string& toml = "", Better better = Better::higher)
      : Bench("monitor.checkpoint", toml, 1, {}, better) {
    name = "best";
    directory = folder.path;
  }
  std::filesystem::path file() const { return directory / "best.safetensors"; }
  float saved_epoch() const { return read_safetensors(file()).tensors.at("weight").values.at(0); }
  std::string last_words() {
    close();
    return said.empty() ? "" : said.back();
  }
};

/// What is there after each epoch of a table, measured one after the other.
struct Row {
  Numbers values;
  Names files;
};
void check_table(const std::string& toml, const std::vector<Row>& rows) {
  Saving bench(toml);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CAPTURE(i);
    bench.process(measured(i + 1, rows[i].values));
    CHECK(listed(bench.folder.path) == rows[i].files);
  }
  CHECK(bench.said.empty());
}

std::string refusal(const std::string& toml) {
  try {
    Bench bench("monitor.checkpoint", toml);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Names shortened(Names lines, const std::filesystem::path& folder) {
  for (std::string& line : lines)
    for (std::size_t at; (at = line.find(folder.string())) != line.npos;)
      line.replace(at, folder.string().size(), "DIR");
  return lines;
}

/// A run whose writing thread does a job when it is told to.
class SlowRun final : public Run {
 public:
  explicit SlowRun(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::uint64_t seed() const override { return 1; }
  std::uint64_t epochs() const override { return 100; }
  std::uint64_t steps_per_epoch() const override { return 10; }
  int threads() const override { return 1; }
  const std::filesystem::path& directory() const override { return folder_; }
  Folder folder() const override { return Folder(folder_); }
  const std::map<std::string, std::string>& about() const override { return about_; }
  std::vector<std::string> metrics() const override { return {}; }
  void report(std::string_view, const Item&, const Numbers&) override {}
  void say(const std::string& line) override {
    const std::lock_guard lock(mutex_);
    said.push_back(line);
  }
  void stop(std::string) override {}
  std::shared_future<bool> later(std::string what, std::function<void()> write, Retry) override {
    const std::lock_guard lock(mutex_);
    jobs.push_back({std::move(what), std::move(write), {}});
    return jobs.back().done.get_future().share();
  }
  /// Does the oldest job; with the disk full, it fails.
  void do_one(bool full = false) {
    Job job = next();
    bool good = !full;
    if (!full) {
      try {
        job.write();
      } catch (const std::exception& error) {
        say(job.what + ": " + error.what());
        good = false;
      }
    }
    job.write = nullptr;
    job.done.set_value(good);
  }
  void do_all() {
    while (waiting()) do_one();
  }

  struct Job {
    std::string what;
    std::function<void()> write;
    std::promise<bool> done;
  };
  std::deque<Job> jobs;
  std::vector<std::string> said;

 private:
  bool waiting() const {
    const std::lock_guard lock(mutex_);
    return !jobs.empty();
  }
  Job next() {
    const std::lock_guard lock(mutex_);
    Job job = std::move(jobs.front());
    jobs.pop_front();
    return job;
  }

  mutable std::mutex mutex_;  // a node that closes gives out jobs while others are done
  std::filesystem::path folder_;
  std::map<std::string, std::string> about_;
};

/// A node in such a run.
struct Waiting {
  SlowRun run;
  Saving bench;
  explicit Waiting(const std::filesystem::path& folder, const std::string& toml = "")
      : run(folder), bench(toml) {
    bench.open();
    NodeAccess::attach(bench.node(), "best", run);
  }
  void measure(std::uint64_t epoch, Numbers values) { bench.process(measured(epoch, std::move(values))); }
  /// What it has said, with DIR for its folder.
  Names words() const { return shortened(run.said, run.directory()); }
  /// Closes, with all jobs done as they come.
  std::string close() {
    auto closing = std::async(std::launch::async, [&] {
      try {
        bench.close();
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string();
    });
    run.do_all();
    while (closing.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) run.do_all();
    return closing.get();
  }
};

}  // namespace

TEST_CASE("monitor.checkpoint keeps the best model, and says which at the end") {
  Saving bench;
  const double accuracies[] = {0.5, 0.75, 0.75, 0.625, none};
  const float best[] = {1, 2, 2, 2, 2};
  for (std::uint64_t epoch = 1; epoch <= 5; ++epoch) {
    bench.process(measured(epoch, {{"accuracy", accuracies[epoch - 1]}}));
    CHECK(bench.saved_epoch() == best[epoch - 1]);
  }
  CHECK(bench.said.empty());
  CHECK(bench.last_words() == "best accuracy 75.00 % (epoch 2, step 20): " + bench.file().string());
  CHECK(bench.stopped.empty());
}

TEST_CASE("monitor.checkpoint: the file tells what was measured, beside the model's own metadata") {
  Saving bench;
  bench.about = {{"seed", "7"}, {"graph", "[run]\nseed = 7\n"}, {"data.glyphs.train", "0123"}};
  bench.process(measured(11, {{"accuracy", none}, {"loss", 1}}));
  Metrics metrics = measured(12, {{"accuracy", 0.831}, {"loss", 0.25}}, "20-way 1-shot");
  auto model = std::make_shared<NamedTensors>(*metrics.model);
  model->metadata["run.version"] = model->metadata["metrics.auc"] = "of another run";
  metrics.model = model;
  bench.process(metrics);
  const NamedTensors read = read_safetensors(bench.file());
  CHECK(read.metadata == std::map<std::string, std::string>{
                             {"network", "conv4"},
                             {"epoch", "12"},
                             {"step", "120"},
                             {"protocol", "20-way 1-shot"},
                             {"metrics.accuracy", "0.831"},
                             {"metrics.loss", "0.25"},
                             {"history", R"([{"epoch":11,"step":110,"values":{"accuracy":null}},)"
                                         R"({"epoch":12,"step":120,"values":{"accuracy":0.831}}])"},
                             {"run.seed", "7"},
                             {"run.graph", "[run]\nseed = 7\n"},
                             {"run.data.glyphs.train", "0123"},
                             {"checksum", checksum(read)}});
  CHECK(bench.last_words() ==
        "best accuracy 83.10 %, 20-way 1-shot (epoch 12, step 120): " + bench.file().string());
}

TEST_CASE("monitor.checkpoint: models and states do not grow with the number of evaluations") {
  Saving bench("every = 1000");
  bench.open();
  const auto sizes = [&](std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t epoch = from; epoch <= to; ++epoch)
      bench.process(measured(epoch, {{"accuracy", 1.0 / static_cast<double>(epoch)}}));
    std::size_t state = 0;
    for (const auto& [name, value] : bench.save().values)
      if (const auto* text = std::get_if<std::string>(&value)) state += text->size();
    return std::pair(state, file_size(bench.directory / fmt::format("best-step-{}0.safetensors", to)));
  };
  const auto early = sizes(1, 2000), late = sizes(2001, 12'000);
  CHECK(late.first < 2 * early.first);
  CHECK(late.second < 2 * early.second);
}

TEST_CASE("monitor.checkpoint: the files after each step of a table") {
  const auto accuracy = [](double value) { return Numbers{{"accuracy", value}}; };
  SUBCASE("the best")
  check_table("", {{accuracy(none), {}},
                   {accuracy(0.5), {"best > best-step-20", "best-step-20"}},
                   {accuracy(0.5), {"best > best-step-20", "best-step-20"}},
                   {accuracy(0.75), {"best > best-step-40", "best-step-40"}},
                   {accuracy(inf), {"best > best-step-40", "best-step-40"}},
                   {accuracy(0.625), {"best > best-step-40", "best-step-40"}}});
  SUBCASE("the best two")
  check_table("best = 2", {{accuracy(0.5), {"best > best-step-10", "best-step-10"}},
                           {accuracy(0.25), {"best > best-step-10", "best-step-10", "best-step-20"}},
                           {accuracy(0.25), {"best > best-step-10", "best-step-10", "best-step-20"}},
                           {accuracy(0.75), {"best > best-step-40", "best-step-10", "best-step-40"}},
                           {accuracy(0.625), {"best > best-step-40", "best-step-40", "best-step-50"}}});
  SUBCASE("gains up to min_delta are none")
  check_table("min_delta = 0.125", {{accuracy(0.5), {"best > best-step-10", "best-step-10"}},
                                    {accuracy(0.625), {"best > best-step-10", "best-step-10"}},
                                    {accuracy(0.6875), {"best > best-step-30", "best-step-30"}}});
  SUBCASE("the last as well, however bad")
  check_table(
      "last = true",
      {{accuracy(0.5), {"best > best-step-10", "best-last > best-step-10", "best-step-10"}},
       {accuracy(0.25), {"best > best-step-10", "best-last > best-step-20", "best-step-10", "best-step-20"}},
       {accuracy(none), {"best > best-step-10", "best-last > best-step-30", "best-step-10", "best-step-30"}},
       {accuracy(0.75), {"best > best-step-40", "best-last > best-step-40", "best-step-40"}}});
  SUBCASE("only the last")
  check_table("best = 0\nlast = true", {{accuracy(0.5), {"best > best-step-10", "best-step-10"}},
                                        {accuracy(0.25), {"best > best-step-20", "best-step-20"}},
                                        {accuracy(none), {"best > best-step-30", "best-step-30"}}});
  SUBCASE("every second as well, for good")
  check_table("every = 2",
              {{accuracy(0.5), {"best > best-step-10", "best-step-10"}},
               {accuracy(0.25), {"best > best-step-10", "best-step-10", "best-step-20"}},
               {accuracy(0.75), {"best > best-step-30", "best-step-20", "best-step-30"}},
               {accuracy(0.875), {"best > best-step-40", "best-step-20", "best-step-40"}},
               {accuracy(1.0), {"best > best-step-50", "best-step-20", "best-step-40", "best-step-50"}}});
  SUBCASE("only every second")
  check_table("best = 0\nevery = 2",
              {{accuracy(0.5), {}},
               {accuracy(0.25), {"best > best-step-20", "best-step-20"}},
               {accuracy(0.75), {"best > best-step-20", "best-step-20"}},
               {accuracy(none), {"best > best-step-40", "best-step-20", "best-step-40"}}});
  SUBCASE("by two metrics, each with a list of its own; one file for a model in both") {
    const auto both = [](double accuracy, double auc) {
      return Numbers{{"accuracy", accuracy}, {"auc", auc}};
    };
    check_table(
        "monitor = [\"accuracy\", \"one_shot.auc\"]",
        {{both(0.5, 0.5), {"best > best-step-10", "best-one_shot.auc > best-step-10", "best-step-10"}},
         {both(0.25, 0.75),
          {"best > best-step-10", "best-one_shot.auc > best-step-20", "best-step-10", "best-step-20"}},
         {both(0.75, none),
          {"best > best-step-30", "best-one_shot.auc > best-step-20", "best-step-20", "best-step-30"}},
         {both(0.875, 0.875), {"best > best-step-40", "best-one_shot.auc > best-step-40", "best-step-40"}}});
  }
}

TEST_CASE("monitor.checkpoint: of several measurements of an epoch, the last is the epoch's") {
  Saving bench("best = 0\nevery = 1");
  Metrics metrics = measured(1, {{"accuracy", 0.5}});
  metrics.step = 5;
  bench.process(metrics);
  CHECK(listed(bench.folder.path) == Names{"best > best-step-5", "best-step-5"});
  bench.process(measured(1, {{"accuracy", 0.25}}));
  CHECK(listed(bench.folder.path) == Names{"best > best-step-10", "best-step-10"});
}

TEST_CASE("monitor.checkpoint: a model that is measured again, no update between, keeps its place") {
  Saving bench("best = 2\nlast = true");
  for (const double accuracy : {0.5, 0.75, 0.25}) {
    bench.process(measured(1, {{"accuracy", accuracy}}));
    CHECK(listed(bench.folder.path) ==
          Names{"best > best-step-10", "best-last > best-step-10", "best-step-10"});
  }
  CHECK(bench.last_words() == "best accuracy 50.00 % (epoch 1, step 10): " + bench.file().string());
}

TEST_CASE("monitor.checkpoint: measured again for good, a ranked model keeps the values that rank it") {
  const TempFolder folder;
  Waiting node(folder.path, "every = 2");
  const auto again = [&] {  // the second epoch ends before the weights change
    node.measure(1, {{"accuracy", 0.5}});
    Metrics metrics = measured(2, {{"accuracy", 0.25}});
    metrics.step = 10;
    node.bench.process(metrics);
  };
  const auto in_file = [&] {
    return read_safetensors(folder.path / "best-step-10.safetensors").metadata.at("metrics.accuracy");
  };
  again();
  SUBCASE("and is not written again") {
    node.run.do_all();
    CHECK(in_file() == "0.5");
    node.measure(3, {{"accuracy", 0.75}});
    node.run.do_all();
    CHECK(listed(folder.path) == Names{"best > best-step-30", "best-step-10", "best-step-30"});
    CHECK(node.close().empty());
  }
  SUBCASE("unless it could not be") {
    node.run.do_one(true);
    node.run.do_one();
    CHECK(in_file() == "0.25");
    CHECK(contains(node.close(), "the best on the disk is accuracy 25.00 % (epoch 2, step 10)"));
  }
}

TEST_CASE("monitor.checkpoint: what is better is said by who measures it, or by mode") {
  Saving low("monitor = \"loss\"", Better::lower),
      high("monitor = \"loss\"\nmode = \"max\"", Better::unknown);
  CHECK_THROWS_AS(Saving("", Better::unknown), Error);
  for (Saving* bench : {&low, &high}) {
    bench->process(measured(1, {{"loss", 2}}));
    bench->process(measured(2, {{"loss", 0.5}}));
    bench->process(measured(3, {{"loss", 1}}));
  }
  CHECK(low.saved_epoch() == 2);
  CHECK(high.saved_epoch() == 1);
  CHECK(low.last_words() == "best loss 0.5 (epoch 2, step 20): " + low.file().string());
}

TEST_CASE("monitor.checkpoint says at the end what it has kept") {
  const auto words = [](const std::string& toml, bool measure) {
    Saving bench(toml);
    bench.open();
    static_cast<void>(bench.save());
    if (measure)
      for (std::uint64_t epoch = 1; epoch <= 2; ++epoch)
        bench.process(measured(epoch, {{"accuracy", 0.5 / static_cast<double>(epoch)}, {"auc", none}}));
    bench.close();
    std::string all;
    for (const std::string& line : shortened(bench.said, bench.directory)) all += line + "\n";
    return all;
  };
  CHECK(words("", false) == "best has kept no model: none was measured\n");
  CHECK(words("monitor = \"auc\"", true) == "best has kept no model by auc: it was never a finite number\n");
  CHECK(words("monitor = [\"auc\", \"accuracy\"]", true) ==
        "best has kept no model by auc: it was never a finite number\n"
        "best accuracy 50.00 % (epoch 1, step 10): DIR/best-accuracy.safetensors\n");
  CHECK(words("monitor = [\"accuracy\", \"auc\"]\nbest = 0\nlast = true", true) ==
        "last accuracy 25.00 %; auc not a number (epoch 2, step 20): DIR/best.safetensors\n");
  CHECK(words("best = 0\nevery = 1", true) == "best has kept 2 models, of every 1. epoch, in DIR\n");
}

TEST_CASE("monitor.checkpoint: of a run that is refused before it begins, nothing is told or removed") {
  Saving first;
  first.process(measured(1, {{"accuracy", 0.5}}));
  const State state = first.save();
  State damaged = state;
  damaged.values.erase("lost");
  Saving never, other("monitor = \"loss\""), unread;
  for (Saving* bench : {&never, &other, &unread}) bench->directory = first.directory;
  never.open();
  CHECK_THROWS_AS(other.restore(state), Error);
  CHECK_THROWS_AS(unread.restore(damaged), Error);
  for (Saving* bench : {&never, &other, &unread}) {
    CHECK(bench->last_words().empty());
    CHECK(listed(first.directory) == Names{"best > best-step-10", "best-step-10"});
  }
}

TEST_CASE("monitor.checkpoint: metrics it cannot use are errors") {
  Saving bench;
  Metrics metrics = measured(3, {{"accuracy", 0.5}});
  metrics.model = nullptr;
  CHECK_THROWS_WITH_AS(
      bench.process(metrics),
      "the metrics of epoch 3 come without a model, so there is nothing to save: they have to come from a "
      "node that measures a model",
      Error);
  CHECK_THROWS_WITH_AS(bench.process(measured(3, {{"loss", 0.5}})),
                       "there is no 'accuracy' in the metrics of epoch 3; they hold loss", Error);
}

TEST_CASE("monitor.checkpoint refuses what cannot be meant") {
  CHECK(contains(refusal("keep = \"last\""), "has no parameter 'keep'"));
  CHECK(contains(refusal("best = 0"), "with best = 0 nothing is kept, unless `last` or `every` says so"));
  CHECK(contains(refusal("monitor = [\"accuracy\", \"auc\"]\nmode = \"max\""),
                 "it says which way one metric is better, but monitor names several"));
  CHECK(contains(refusal("monitor = [\"auc\", \"auc\"]"), "'auc' stands there twice"));
  CHECK(contains(refusal("mode = \"min\""), "'accuracy' is better when it is higher: leave mode out"));
  CHECK(contains(refusal("min_delta = 1.0"), "'accuracy' goes from 0 to 1, so that no gain exceeds 1"));
  CHECK(contains(refusal("monitor = [\"auc\", \"last\"]\nlast = true"), "would have one name"));
  CHECK(refusal("monitor = [\"last\", \"auc\"]\nlast = true").empty());
  CHECK(contains(refusal("monitor = []"), "at least one is needed"));
}

TEST_CASE(
    "monitor.checkpoint: a run that is killed at any moment, its disk behind or not, goes on to the same") {
  const double accuracies[] = {0.5, 0.25, none, 0.625, 0.625, 0.75, 0.375, 0.875, 0.125, 0.8125};
  const double losses[] = {3, 4, 2, 2, 1, 5, none, 2, 0.5, 6};
  const std::string both = "monitor = [\"accuracy\", \"loss\"]\n";
  for (const std::string& toml :
       {std::string(), std::string("best = 2\nmin_delta = 0.0625"), std::string("best = 3\nlast = true"),
        std::string("best = 0\nlast = true\nevery = 3"), both + "best = 2\nevery = 4"})
    for (const std::uint64_t save_every : {1, 3})
      for (const std::size_t behind : {0, 3}) {
        struct Saved {
          State state;
          std::uint64_t epoch = 0;
        };
        struct Disk : Saved {
          Saved before;
        };
        enum class Mishap { none, newest_unreadable, every_second_not_written };
        Mishap mishap = Mishap::none;
        /// Measures from where it stands. Its state is saved as the run does: a job among the others. False
        /// when it was killed after so many jobs.
        const auto go = [&](Waiting& node, std::uint64_t from, Disk& disk, std::size_t kill) {
          std::size_t done = 0;
          const auto work = [&](std::size_t left) {
            for (; node.run.jobs.size() > left; ++done) {
              if (done == kill) return false;
              node.run.do_one();
            }
            return true;
          };
          for (std::uint64_t epoch = from + 1; epoch <= 10; ++epoch) {
            node.measure(epoch, {{"accuracy", accuracies[epoch - 1]}, {"loss", losses[epoch - 1]}});
            if (!work(behind)) return false;
            if (epoch % save_every == 0 || epoch == 10)
              node.run.later(
                  "state",
                  [&disk, mishap, saved = node.bench.save(), epoch] {
                    if (mishap == Mishap::every_second_not_written && epoch % 2 == 0 && epoch < 10) return;
                    disk = {{saved, epoch}, disk};
                  },
                  Run::Retry::yes);
            if (!work(behind)) return false;
          }
          return work(0);
        };
        const auto bytes = [](const std::filesystem::path& folder) {
          std::string all;
          for (const std::string& name : listed(folder)) {
            all += name + "\n";
            if (name.find('>') == name.npos) all += read_file(folder / (name + ".safetensors"));
          }
          return all;
        };
        CAPTURE(toml);
        CAPTURE(save_every);
        CAPTURE(behind);
        const TempFolder undisturbed;
        Waiting whole(undisturbed.path, toml);
        Disk last;
        REQUIRE(go(whole, 0, last, 1000));
        REQUIRE(whole.close().empty());
        const std::string expected = bytes(undisturbed.path);
        for (std::size_t kill = save_every + behind; kill < 120; ++kill) {
          mishap = static_cast<Mishap>(kill % 3);
          CAPTURE(kill);
          const TempFolder folder;
          Disk disk;
          bool ended = false;
          {
            Waiting first(folder.path, toml);
            ended = go(first, 0, disk, kill);
          }
          if (ended) break;
          if (mishap == Mishap::newest_unreadable) static_cast<Saved&>(disk) = disk.before;
          for (int more = 0; more < 2; ++more) {  // the second time, after another few jobs
            Waiting next(folder.path, toml);
            if (disk.epoch > 0) next.bench.restore(disk.state);
            CHECK(next.run.said.empty());  // nothing is missing
            if (!go(next, disk.epoch, disk, more == 0 ? 3 : 1000)) continue;
            CHECK(next.close().empty());
            CHECK(next.words() == whole.words());
            break;
          }
          CHECK(bytes(folder.path) == expected);
          CHECK(disk.state.values == last.state.values);
        }
      }
}

TEST_CASE("monitor.checkpoint: what a saved state counts on stays until two newer ones do without") {
  Saving bench;
  const auto measure = [&](std::uint64_t epoch, double accuracy) {
    bench.process(measured(epoch, {{"accuracy", accuracy}}));
  };
  measure(1, 0.25);
  static_cast<void>(bench.save());
  measure(2, 0.5);
  CHECK(listed(bench.folder.path) == Names{"best > best-step-20", "best-step-10", "best-step-20"});
  measure(3, 0.625);  // no state knows of the second
  CHECK(listed(bench.folder.path) == Names{"best > best-step-30", "best-step-10", "best-step-30"});
  for (int more = 0; more < 2; ++more) {
    static_cast<void>(bench.save());  // the first is the one before, then it goes when this is on the disk
    CHECK(listed(bench.folder.path) == Names{"best > best-step-30", "best-step-10", "best-step-30"});
  }
  static_cast<void>(bench.save());
  CHECK(listed(bench.folder.path) == Names{"best > best-step-30", "best-step-30"});
  measure(4, 0.75);
  static_cast<void>(bench.save());
  measure(5, 0.875);
  CHECK(listed(bench.folder.path) ==
        Names{"best > best-step-50", "best-step-30", "best-step-40", "best-step-50"});
  bench.close();  // a run that has failed: it goes on from its last state
  CHECK(listed(bench.folder.path) == Names{"best > best-step-50", "best-step-40", "best-step-50"});
}

TEST_CASE("monitor.checkpoint: what a killed run left is cleared away at the end, and not before") {
  Saving first;
  first.process(measured(1, {{"accuracy", 0.25}}));
  const State state = first.save();
  first.process(measured(2, {{"accuracy", 0.5}}));
  first.folder.write("best-step-20.safetensors.tmp", "half");
  const Names others = {"best-step-7x.safetensors", "best-step-.safetensors", "other-step-7.safetensors",
                        "best-step-7.txt"};
  for (const std::string& one : others) first.folder.write(one, "not a model of this node");
  Saving second;
  second.directory = first.directory;
  second.restore(state);
  second.process(measured(3, {{"accuracy", 0.75}}));  // as if the graph had changed: there is no replay
  CHECK(std::filesystem::exists(first.folder.path / "best-step-20.safetensors"));
  second.close();
  CHECK_FALSE(std::filesystem::exists(first.folder.path / "best-step-20.safetensors"));
  CHECK_FALSE(std::filesystem::exists(first.folder.path / "best-step-20.safetensors.tmp"));
  CHECK(second.saved_epoch() == 3);
  for (const std::string& one : others) CHECK(std::filesystem::exists(first.folder.path / one));

  // What is written again is a model as any other.
  Saving third;
  third.directory = first.directory;
  std::filesystem::copy(third.directory / "best-step-30.safetensors",
                        third.directory / "best-step-20.safetensors");
  third.restore(state);
  third.process(measured(2, {{"accuracy", 0.5}}));
  third.process(measured(3, {{"accuracy", 0.625}}));
  CHECK_FALSE(std::filesystem::exists(third.directory / "best-step-20.safetensors"));
}

TEST_CASE("monitor.checkpoint: models that are gone when the run goes on are named, and make room") {
  Saving first("best = 2");
  first.process(measured(1, {{"accuracy", 0.5}}));
  first.process(measured(2, {{"accuracy", 0.75}}));
  const State state = first.save();
  std::filesystem::remove(first.folder.path / "best-step-20.safetensors");
  Saving second("best = 2");
  second.directory = first.directory;
  second.restore(state);
  CHECK(shortened(second.said, second.directory) ==
        Names{"best: the model of step 20 is not there any more: DIR/best-step-20.safetensors"});
  second.process(measured(3, {{"accuracy", 0.25}}));
  CHECK(listed(second.directory) == Names{"best > best-step-10", "best-step-10", "best-step-30"});
  CHECK(second.last_words() == "best accuracy 50.00 % (epoch 1, step 10): " + second.file().string());
}

TEST_CASE("monitor.checkpoint: where all that was kept is gone, what is ahead of the state is left alone") {
  for (const std::string rule : {"", "best = 0\nlast = true"}) {
    CAPTURE(rule);
    const std::string toml = "monitor = [\"accuracy\", \"auc\"]\n" + rule;
    Saving first(toml);
    first.process(measured(1, {{"accuracy", 0.5}, {"auc", none}}));
    const State state = first.save();
    first.process(measured(2, {{"accuracy", 0.75}, {"auc", none}}));
    std::filesystem::remove(first.folder.path / "best-step-10.safetensors");
    Saving second(toml);
    second.directory = first.directory;
    second.restore(state);
    second.close();
    CHECK(listed(second.directory) == Names{"best > best-step-20", "best-step-20"});
    Names words = {"best: the model of step 10 is not there any more: DIR/best-step-10.safetensors"};
    if (rule.empty()) {
      words.push_back("best has kept no model by accuracy: the files of those it had are not there any more");
      words.push_back("best has kept no model by auc: it was never a finite number");
    } else {
      words.push_back("best has not kept the model measured last: its file is not there any more");
    }
    words.push_back(
        "best: as no other model is left, what was written after the state that the run was resumed from "
        "stays: best-step-20.safetensors");
    CHECK(shortened(second.said, second.directory) == words);
  }
}

TEST_CASE("monitor.checkpoint: a run goes on with more room or less, but not by other metrics") {
  Saving first("best = 3\nlast = true");
  for (std::uint64_t epoch = 1; epoch <= 4; ++epoch)
    first.process(measured(epoch, {{"accuracy", 1.0 / static_cast<double>(epoch)}, {"auc", 1}}));
  const State state = first.save();
  Saving less("best = 1"), other("monitor = [\"auc\", \"accuracy\"]");
  less.directory = other.directory = first.directory;
  less.restore(state);
  less.process(measured(5, {{"accuracy", 0.75}}));
  CHECK(less.last_words() == "best accuracy 100.00 % (epoch 1, step 10): " + less.file().string());
  CHECK_FALSE(std::filesystem::exists(less.directory / "best-step-50.safetensors"));
  CHECK_THROWS_WITH_AS(other.restore(state),
                       "what is kept so far was chosen by \"accuracy\": `monitor` cannot be changed to "
                       "[\"auc\", \"accuracy\"]",
                       Error);
}

TEST_CASE("monitor.checkpoint: a model that cannot be written pushes nothing out") {
  const TempFolder folder;
  SUBCASE("and what it had pushed out is the best again") {
    Waiting node(folder.path);
    node.measure(1, {{"accuracy", 0.5}});
    node.run.do_one();
    node.measure(2, {{"accuracy", 0.75}});
    node.run.do_one(true);
    CHECK(listed(folder.path) == Names{"best > best-step-10", "best-step-10"});
    node.measure(3, {{"accuracy", 0.625}});  // less than the lost one, more than what there is
    CHECK(node.run.jobs.size() == 1);
    node.run.do_one();
    CHECK(listed(folder.path) == Names{"best > best-step-30", "best-step-30"});
    CHECK(
        node.close() ==
        "the model with the best accuracy, 75.00 % (epoch 2, step 20), could not be written; the best on the "
        "disk is accuracy 62.50 % (epoch 3, step 30): " +
            (folder.path / "best.safetensors").string());
  }
  SUBCASE("which a better one makes good") {
    Waiting node(folder.path);
    node.measure(1, {{"accuracy", 0.5}});
    node.measure(2, {{"accuracy", 0.75}});
    node.measure(3, {{"accuracy", 0.875}});
    node.run.do_one();
    node.run.do_one(true);
    CHECK(listed(folder.path) == Names{"best > best-step-10", "best-step-10"});
    node.run.do_one();
    CHECK(listed(folder.path) == Names{"best > best-step-30", "best-step-30"});
    CHECK(node.close().empty());
    CHECK(node.words() == Names{"best accuracy 87.50 % (epoch 3, step 30): DIR/best.safetensors"});
  }
  SUBCASE("however many there are, in a list of two: what is kept is as if it had never been measured") {
    Waiting node(folder.path, "best = 2");
    node.measure(1, {{"accuracy", 0.5}});
    node.measure(2, {{"accuracy", 0.625}});
    node.measure(3, {{"accuracy", 0.75}});    // fails: pushes nobody out
    node.measure(4, {{"accuracy", 0.6875}});  // pushes out the first
    for (const bool full : {false, false, true, false}) node.run.do_one(full);
    CHECK(listed(folder.path) == Names{"best > best-step-40", "best-step-20", "best-step-40"});
    // Saved here, resumed, the loss is still known.
    const State state = node.bench.save();
    Waiting next(folder.path, "best = 2");
    next.bench.restore(state);
    const std::string words = node.close();
    CHECK(contains(words, "75.00 % (epoch 3, step 30), could not be written; the best on the disk is "));
    CHECK(next.close() == words);
  }
  SUBCASE("which is known in a run that goes on: of the last, too, until a later one is there") {
    Waiting node(folder.path, "best = 0\nlast = true");
    node.measure(1, {{"accuracy", 0.5}});
    node.measure(2, {{"accuracy", 0.25}});
    node.run.do_one();
    node.run.do_one(true);
    const State state = node.bench.save();
    const auto go_on = [&](bool measure) {
      Waiting next(folder.path, "best = 0\nlast = true");
      next.bench.restore(state);
      if (measure) next.measure(3, {{"accuracy", 0.125}});
      return next.close();
    };
    CHECK(contains(go_on(false), "the model measured last, accuracy 25.00 % (epoch 2, step 20), could not"));
    CHECK(go_on(true).empty());
  }
  SUBCASE("nor does it keep out what it would have kept out") {
    Waiting node(folder.path);
    node.measure(1, {{"accuracy", 0.5}});
    node.measure(2, {{"accuracy", 0.75}});
    node.measure(3, {{"accuracy", 0.25}});  // in vain whatever happens? not if none of these can be written
    REQUIRE(node.run.jobs.size() == 3);
    for (const bool full : {true, true, false}) node.run.do_one(full);
    CHECK(listed(folder.path) == Names{"best > best-step-30", "best-step-30"});
    CHECK(contains(node.close(),
                   "75.00 % (epoch 2, step 20), could not be written; the best on the disk is "
                   "accuracy 25.00 % (epoch 3, step 30)"));
  }
  SUBCASE("and when it can be, what it keeps out is not written at all") {
    std::filesystem::create_directory(folder.path / "best-step-20.safetensors");
    Waiting node(folder.path);
    node.measure(1, {{"accuracy", 0.75}});
    node.measure(2, {{"accuracy", 0.5}});
    CHECK(node.run.jobs.size() == 2);
    node.run.do_all();
    CHECK(node.run.said.empty());  // nothing was in the way
    const State state = node.bench.save();
    Waiting next(folder.path);
    next.bench.restore(state);
    CHECK(next.run.said.empty());  // it is not missed
    for (Waiting* one : {&node, &next}) {
      CHECK(one->close().empty());
      CHECK(one->words() == Names{"best accuracy 75.00 % (epoch 1, step 10): DIR/best.safetensors"});
    }
  }
  SUBCASE("none at all") {
    Waiting node(folder.path);
    node.measure(1, {{"accuracy", 0.5}});
    node.run.do_one(true);
    CHECK(listed(folder.path).empty());
    CHECK(
        node.close() ==
        "the model with the best accuracy, 50.00 % (epoch 1, step 10), could not be written; none is on the "
        "disk");
  }
  SUBCASE("the last") {
    Waiting node(folder.path, "best = 0\nlast = true");
    node.measure(1, {{"accuracy", 0.5}});
    node.run.do_one();
    node.measure(2, {{"accuracy", 0.25}});
    node.run.do_one(true);
    CHECK(listed(folder.path) == Names{"best > best-step-10", "best-step-10"});
    CHECK(
        node.close() ==
        "the model measured last, accuracy 25.00 % (epoch 2, step 20), could not be written; on the disk is "
        "the last accuracy 50.00 % (epoch 1, step 10): " +
            (folder.path / "best.safetensors").string());
  }
}

TEST_CASE("monitor.checkpoint: of more than four models that wait to be written, the oldest is waited for") {
  const TempFolder folder;
  Waiting node(folder.path, "last = true");
  std::vector<std::weak_ptr<const NamedTensors>> models;
  const auto measure = [&](std::uint64_t epoch) {
    Metrics metrics = measured(epoch, {{"accuracy", 0.5}});
    models.push_back(metrics.model);
    node.bench.process(std::move(metrics));
  };
  for (std::uint64_t epoch = 1; epoch <= 4; ++epoch) measure(epoch);
  CHECK(node.run.jobs.size() == 4);
  const std::weak_ptr<const NamedTensors> first = models[0];
  auto fifth = std::async(std::launch::async, [&] { measure(5); });
  CHECK(fifth.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  CHECK(node.run.jobs.size() == 4);
  SlowRun::Job oldest = std::move(node.run.jobs.front());
  node.run.jobs.pop_front();
  oldest.write();
  oldest.write = nullptr;
  CHECK(first.expired());
  oldest.done.set_value(true);
  fifth.get();
  CHECK(node.run.jobs.size() == 4);
  CHECK(node.close().empty());
  for (const auto& one : models) CHECK(one.expired());
}

TEST_CASE("monitor.checkpoint: what is in the way of a file or a link is named, and what was there stays") {
  const auto node_with = [](const std::string& in_the_way, const std::function<void(Saving&)>& then) {
    Saving bench;
    std::filesystem::create_directory(bench.folder.path / in_the_way);
    bench.process(measured(1, {{"accuracy", 0.5}}));
    bench.process(measured(2, {{"accuracy", 0.75}}));
    then(bench);
  };
  node_with("best-step-20.safetensors", [](Saving& bench) {
    CHECK(shortened(bench.said, bench.directory) ==
          Names{"best-step-20.safetensors: cannot rename a new file to 'DIR/best-step-20.safetensors': Is a "
                "directory"});
    CHECK(bench.saved_epoch() == 1);
    CHECK_THROWS_WITH_AS(bench.close(),
                         ("the model with the best accuracy, 75.00 % (epoch 2, step 20), could not be "
                          "written; the best on the disk is accuracy 50.00 % (epoch 1, step 10): " +
                          bench.file().string())
                             .c_str(),
                         Error);
    CHECK(listed(bench.directory) == Names{"best > best-step-10", "best-step-10", "best-step-20"});
  });
  node_with("best.safetensors", [](Saving& bench) {
    CHECK(contains(bench.said.at(0), "cannot rename '" + bench.file().string() + ".tmp' to '"));
    CHECK_THROWS_WITH_AS(
        bench.close(),
        ("the models are written, but '" + bench.file().string() + "' may not stand for the best of them")
            .c_str(),
        Error);
    CHECK(contains(bench.said.back(), "best accuracy 75.00 % (epoch 2, step 20)"));
    CHECK(listed(bench.directory) == Names{"best", "best-step-10", "best-step-20"});
  });
}

TEST_CASE("monitor.checkpoint: a file that cannot be made is named") {
  Saving bench;
  std::filesystem::create_directory(bench.folder.path / "best-step-10.safetensors.tmp");
  bench.process(measured(1, {{"accuracy", 0.5}}));
  REQUIRE(bench.said.size() == 1);
  CHECK(contains(bench.said[0], "best-step-10.safetensors: cannot create '" + bench.directory.string()));
  CHECK_THROWS_AS(bench.close(), Error);
}
