// Times whole training steps of a preset: forward, distances, loss, backward, update. No data loading.
//   training_step [--network conv4] [--precision f32] [--images 128] [--size 52] [--steps 10] [--threads 2]
//   [--shard 16] [--profile 0]
// koch2015 trains on pairs (weighted_l1, bce, adam), the others on classes of two images (cosine, all_pairs,
// adamw). Prints one line: images (or pairs) per second, from the median step, and the largest memory use of
// the process. With --profile 1 a table as well: for each layer and part of the work its time over all
// threads in a step, its share, GFLOP/s of one thread and the code that did it. A piece interrupted by other
// programs counts as the best of its like.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/run_benchmark.h"
#include "plugins/twin/presets.h"
#include "plugins/twin/trainer.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

double peak_gigabytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line))
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024e-9;
  return 0.0;
}

/// The pieces of every layer and part, in the order in which they first came.
class Table {
 public:
  void add(const Ran& ran) {
    const std::lock_guard guard(lock_);
    const auto key = std::pair(std::string(ran.layer), std::string(ran.part));
    if (!seconds_.contains(key)) order_.push_back(key);
    seconds_[key].push_back(std::chrono::duration<double>(ran.end - ran.begin).count());
  }
  void print(std::size_t steps, std::size_t images, const std::vector<Network::LayerWork>& work) {
    double total = 0.0;
    std::map<std::pair<std::string, std::string>, double> sums;
    for (const auto& [key, all] : seconds_) {
      const double best = *std::min_element(all.begin(), all.end());
      sums[key] = best * static_cast<double>(all.size()) / static_cast<double>(steps);
      total += sums[key];
    }
    for (const auto& key : order_) {
      std::printf("%-32s %-17s %9.3f ms %5.1f %%", key.first.c_str(), key.second.c_str(), 1e3 * sums[key],
                  100.0 * sums[key] / total);
      for (const Network::LayerWork& one : work)
        if (one.layer == key.first && one.part == key.second)
          std::printf(" %7.1f GFLOP/s  %s", one.flops * static_cast<double>(images) / sums[key] * 1e-9,
                      one.kernel.c_str());
      std::printf("\n");
    }
    std::printf("%-50s %9.3f ms\n", "all", 1e3 * total);
  }

 private:
  std::mutex lock_;
  std::map<std::pair<std::string, std::string>, std::vector<double>> seconds_;
  std::vector<std::pair<std::string, std::string>> order_;
};

void time_steps(const std::map<std::string, std::string>& options) {
  const bool pairs = options.at("--network") == "koch2015";
  const std::size_t count = std::stoul(options.at("--images")), size = std::stoul(options.at("--size"));
  Images images(count, 1, size, size);
  Random random(1, 0, 0);
  for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
  Labels labels;
  for (std::size_t i = 0; i < count && !pairs; ++i)
    labels.classes.push_back(static_cast<std::int32_t>(i / 2));
  for (std::size_t i = 0; i < count / 2 && pairs; ++i) labels.same.push_back(i % 2);
  Trainer trainer(
      {preset(options.at("--network")), default_component<Distance>(pairs ? "weighted_l1" : "cosine"),
       default_component<Loss>(pairs ? "bce" : "all_pairs"),
       default_component<Optimizer>(pairs ? "adam" : "adamw"), default_component<Schedule>("constant"),
       options.at("--precision") == "bf16" ? Precision::bf16 : Precision::f32,
       std::stoul(options.at("--shard"))},
      {1, size, size}, [](std::string_view name, std::uint64_t a, std::uint64_t b) {
        return Random(stream_key(1, "b", name), a, b);
      });
  trainer.step(images, labels);  // plans
  Table table;
  const bool profile = options.at("--profile") == "1";
  if (profile) trainer.profile([&table](const Ran& ran) { table.add(ran); });
  std::vector<double> seconds;
  const std::clock_t cpu_start = std::clock();
  for (std::size_t i = 0; i < std::stoul(options.at("--steps")); ++i) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step(images, labels);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const double cpu =
      static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC / static_cast<double>(seconds.size());
  std::sort(seconds.begin(), seconds.end());
  const double items = static_cast<double>(pairs ? count / 2 : count);
  std::printf("%s %s: %.1f %s/s median, %.1f best, %.1f by processor time, %.2f GB at most\n",
              options.at("--network").c_str(), options.at("--precision").c_str(),
              items / seconds[seconds.size() / 2], pairs ? "pairs" : "images", items / seconds[0],
              items * std::stod(options.at("--threads")) / cpu, peak_gigabytes());
  if (profile) table.print(seconds.size(), count, trainer.network().work());
}

}  // namespace

int main(int count, char** arguments) {
  return run_benchmark(count, arguments,
                       {{"--network", "conv4"},
                        {"--precision", "f32"},
                        {"--images", "128"},
                        {"--size", "52"},
                        {"--steps", "10"},
                        {"--threads", "2"},
                        {"--shard", "16"},
                        {"--profile", "0"}},
                       time_steps);
}
