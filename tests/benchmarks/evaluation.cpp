// What an evaluation costs: 10,000 20-way trials over 20 alphabets with one embedding an image, beside
// embedding both images of every pair, trial by trial (which is measured on some of the trials, and scaled),
// and beside 1,000 and 100 trials. Prints seconds and ratios. Needs no data: a generator draws the alphabets.
//   evaluation [--network conv4] [--size 28] [--trials 10000] [--slow-trials 100] [--threads 2]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "benchmarks/run_benchmark.h"
#include "plugins/twin/network.h"
#include "plugins/twin/one_shot.h"
#include "plugins/twin/presets.h"
#include "twinflow/error.h"
#include "twinflow/testing.h"
#include "twinflow/twin/model.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

template <class Code>
double seconds(Code&& code) {
  const auto start = std::chrono::steady_clock::now();
  code();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Model new_model(const std::string& network, Shape image) {
  Model model;
  model.layers = default_component<Preset>(network)->layers();
  model.image = image;
  model.distance = default_component<Distance>("cosine");
  Network made(model.layers, image, Precision::f32, Mode::training);
  made.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(1, "m", name), a, b);
  });
  describe_weights(model, made.weights(), {});
  return model;
}

Embeddings embed(const Model& model, const Dataset& data, const std::vector<std::size_t>& which) {
  std::vector<Shot> shots;
  for (const std::size_t image : which) shots.push_back({image});
  Images images(data.store, std::move(shots));
  images.read();
  return model.embed(images);
}

/// Both images of every pair go through the network, a trial at once, and nothing is kept.
double trial_by_trial(const Model& model, const Dataset& data, const TaskList& tasks, std::size_t trials) {
  std::size_t right = 0;
  const TaskList::Block& block = tasks.blocks().at(0);
  for (std::size_t task = 0; task < std::min(trials, block.tasks()); ++task) {
    std::vector<std::size_t> images;
    std::vector<IndexPair> pairs;
    for (const std::uint32_t support : block.support(task)) {
      pairs.push_back(
          {static_cast<std::uint32_t>(images.size()), static_cast<std::uint32_t>(images.size() + 1)});
      images.insert(images.end(), {support, block.query(task, 0)});
    }
    std::vector<float> d(pairs.size());
    model.distance->forward(embed(model, data, images), pairs, {}, d);
    right += std::min_element(d.begin(), d.end()) - d.begin() == block.answers[task];
  }
  return static_cast<double>(right) / static_cast<double>(trials);
}

/// An evaluation by the node, the best of three; says how many images it embeds.
double evaluation(const Model& model, const Dataset& data, std::size_t trials) {
  Bench bench("twin.evaluate", fmt::format("trials = {}", trials));
  bench.constant("data", data);
  bench.open();
  double best = 1e9;
  for (int i = 0; i < 3; ++i) best = std::min(best, seconds([&] { bench.process(model); }));
  std::printf("%s; best of three: %.3f s\n", bench.said.at(1).c_str(), best);
  return best;
}

void measure(const std::map<std::string, std::string>& options) {
  const auto number = [&](const char* key) { return static_cast<std::size_t>(std::stoul(options.at(key))); };
  const std::size_t trials = number("--trials"), slow_trials = number("--slow-trials");
  // 60 alphabets, of which 20 are for testing.
  Bench glyphs("data.glyphs", fmt::format("size = {}\nclasses = 1200\nsamples = 20\ntest_alphabets = 20\n",
                                          number("--size")));
  const Dataset data = glyphs.constant_output<Dataset>("test");
  std::printf("%s\n", data.description.c_str());
  const Model model = new_model(options.at("--network"), {1, number("--size"), number("--size")});

  Random random(1, 0, 0);
  TaskList tasks;
  const double drawing = seconds([&] { tasks = draw_tasks(data, {20, 1, trials}, random); });
  const ShownImages shown = shown_images(std::vector<const TaskList*>{&tasks}, data.store->count());
  embed(model, data, {0, 1});  // builds the network
  Embeddings e;
  const double embedding = seconds([&] { e = embed(model, data, shown.images); });
  OneShotScore score;
  const double answering = seconds([&] {
    score = score_tasks(tasks, Classify::mean_distance, {e, shown.row, *model.distance, {}});
  });
  std::printf("%zu trials: drawing %.3f s (once), embedding %zu images %.3f s, answering %.4f s: %.2f %%\n",
              trials, drawing, shown.images.size(), embedding, answering, 100 * score.accuracy);

  const double all = evaluation(model, data, trials);
  const double some = evaluation(model, data, 1000), few = evaluation(model, data, 100);
  std::printf(
      "%zu trials take %.2f times as long as 1000 and %.2f times as long as 100, which show fewer images\n",
      trials, all / some, all / few);
  const double slow = seconds([&] { trial_by_trial(model, data, tasks, slow_trials); });
  const double scaled = slow * static_cast<double>(trials) / static_cast<double>(slow_trials);
  std::printf(
      "trial by trial: %zu of the trials %.3f s, scaled to %zu: %.1f s; one embedding an image is %.0f times "
      "faster\n",
      slow_trials, slow, trials, scaled, scaled / all);
}

}  // namespace

int main(int count, char** arguments) {
  return run_benchmark(count, arguments,
                       {{"--network", "conv4"},
                        {"--size", "28"},
                        {"--trials", "10000"},
                        {"--slow-trials", "100"},
                        {"--threads", "2"}},
                       measure);
}
