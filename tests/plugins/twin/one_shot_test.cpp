#include "plugins/twin/one_shot.h"

#include <map>

#include "check_distance.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const Distance& l2() {
  static const auto made = component<Distance>("type = \"l2\"");
  return *made;
}

/// `ways` classes of `shots` support images and one query each, all of one task. Row c * (shots + 1) + i is
/// image i of class c, the last its query.
Task whole_task(std::size_t ways, std::size_t shots) {
  Task task;
  for (std::size_t c = 0; c < ways; ++c) {
    for (std::size_t s = 0; s < shots; ++s) {
      task.support.push_back(c * (shots + 1) + s);
      task.ways.push_back(static_cast<std::int32_t>(c));
    }
    task.queries.push_back(c * (shots + 1) + shots);
    task.answers.push_back(static_cast<std::int32_t>(c));
  }
  return task;
}

/// The same score, slowly and obviously: for each query, each way's mean distance; who is best, and with how
/// many.
double slow_accuracy(const Embeddings& e, const std::vector<Task>& tasks) {
  double right = 0;
  int queries = 0;
  for (const Task& task : tasks)
    for (std::size_t q = 0; q < task.queries.size(); ++q, ++queries) {
      std::map<std::int32_t, std::vector<double>> by_way;
      for (std::size_t s = 0; s < task.support.size(); ++s) {
        double sum = 0;
        for (std::size_t k = 0; k < e.size; ++k) {
          const double gap = static_cast<double>(e.row(task.support[s])[k] - e.row(task.queries[q])[k]);
          sum += gap * gap;
        }
        by_way[task.ways[s]].push_back(std::sqrt(sum));
      }
      std::map<double, std::vector<std::int32_t>> ranking;
      for (const auto& [way, d] : by_way) {
        double mean = 0;
        for (const double one : d) mean += one / static_cast<double>(d.size());
        ranking[mean].push_back(way);
      }
      const auto& best = ranking.begin()->second;
      for (const std::int32_t way : best)
        if (way == task.answers[q]) right += 1.0 / static_cast<double>(best.size());
    }
  return right / queries;
}

}  // namespace

TEST_CASE("a perfect embedding answers everything") {
  Embeddings e(20 * 2, 20);
  for (std::size_t i = 0; i < e.count; ++i) e.row(i)[i / 2] = 1.0f + 0.1f * static_cast<float>(i % 2);
  const std::vector<Task> tasks = {whole_task(20, 1)};
  const OneShotScore score = score_tasks(e, tasks, l2(), {});
  CHECK(score.accuracy == 1.0);
  CHECK(score.trials == 20);
  CHECK(!score.collapsed);
  CHECK(score.interval.high == doctest::Approx(1.0));
  CHECK(score.interval.low ==
        doctest::Approx(20 / (20 + 1.959963984540054 * 1.959963984540054)));  // n / (n + z^2)
}

TEST_CASE("a random embedding answers by chance, and as the slow way says") {
  for (const std::size_t shots : {1, 3}) {
    Embeddings e(400 * (shots + 1) * 5, 6);
    Random random(21, 0, shots);
    for (float& value : e.values) value = static_cast<float>(random.normal());
    std::vector<Task> tasks;
    for (std::size_t t = 0; t < 400; ++t) {
      tasks.push_back(whole_task(5, shots));
      for (auto* images : {&tasks.back().support, &tasks.back().queries})
        for (std::size_t& image : *images) image += t * (shots + 1) * 5;
    }
    const OneShotScore score = score_tasks(e, tasks, l2(), {});
    CHECK(score.trials == 2000);
    CHECK(score.accuracy == doctest::Approx(slow_accuracy(e, tasks)).epsilon(1e-12));
    CHECK(score.interval.low < 0.2);
    CHECK(score.interval.high > 0.2);
    CHECK(!score.collapsed);
  }
}

TEST_CASE("ties count 1/k") {
  // On a line: support images of ways 0 .. 3 at 1, -1, 1, 5; queries at 0.
  const Embeddings e = rows({{1}, {-1}, {1}, {5}, {0}});
  const Task task{{0, 1, 2, 3}, {0, 1, 2, 3}, {4, 4}, {0, 3}};
  const OneShotScore score = score_tasks(e, std::vector{task}, l2(), {});
  CHECK(score.accuracy == doctest::Approx((1.0 / 3.0 + 0.0) / 2.0));
  CHECK(!score.collapsed);
}

TEST_CASE("several shots: the smallest mean distance wins, not the nearest image") {
  // Query at 0. Way 0: at 1 and 9, mean 5, and nearest. Way 1: at 3 and -4, mean 3.5.
  const Embeddings e = rows({{1}, {9}, {3}, {-4}, {0}});
  const Task task{{0, 1, 2, 3}, {0, 0, 1, 1}, {4}, {1}};
  CHECK(score_tasks(e, std::vector{task}, l2(), {}).accuracy == 1.0);
  // Ways may show different numbers of images: here way 0 at 1 alone and way 1 at 0.5 and 0.7, mean 0.6 but
  // sum 1.2.
  const Embeddings uneven = rows({{1}, {0.5f}, {0.7f}, {0}});
  const Task other{{0, 1, 2}, {0, 1, 1}, {3}, {1}};
  CHECK(score_tasks(uneven, std::vector{other}, l2(), {}).accuracy == 1.0);
}

TEST_CASE("a learned distance is asked with its weights") {
  const auto weighted = component<Distance>("type = \"weighted_l1\"");
  // The second column decides with weights (0, 1), the first with (1, 0).
  const Embeddings e = rows({{0, 5}, {5, 0}, {0, 0}});
  const Task task{{0, 1}, {0, 1}, {2}, {1}};
  CHECK(score_tasks(e, std::vector{task}, *weighted, std::vector<float>{0, 1, 0}).accuracy == 1.0);
  CHECK(score_tasks(e, std::vector{task}, *weighted, std::vector<float>{1, 0, 0}).accuracy == 0.0);
  CHECK(score_tasks(e, std::vector{task}, *weighted, std::vector<float>{0, 0, 3}).collapsed);
}

TEST_CASE("constant outputs are a collapse") {
  const std::vector<Task> tasks = {whole_task(5, 1)};
  Embeddings e(10, 3);
  CHECK(score_tasks(e, tasks, l2(), {}).collapsed);  // all zero
  for (std::size_t i = 0; i < e.count; ++i) std::copy_n(std::vector<float>{0.5f, -2, 1}.begin(), 3, e.row(i));
  CHECK(score_tasks(e, tasks, l2(), {}).collapsed);
  e.row(7)[1] += 1e-6f;  // what rounding does
  CHECK(score_tasks(e, tasks, l2(), {}).collapsed);
  for (std::size_t i = 0; i < e.count; ++i)
    e.row(i)[1] += 1e-3f * static_cast<float>(i);  // little, but something
  CHECK(!score_tasks(e, tasks, l2(), {}).collapsed);
}

TEST_CASE("embeddings that are not numbers are refused") {
  Embeddings e = rows({{1}, {2}, {NAN}});
  CHECK_THROWS_WITH_AS(score_tasks(e, std::vector{Task{{0, 1}, {0, 1}, {2}, {0}}}, l2(), {}),
                       "the model gives distances that are not finite numbers", Error);
}

TEST_CASE("Wilson's interval") {
  // Its ends are, by definition, the p where |found - p| = z sqrt(p (1 - p) / n). 388 of 400: Omniglot's
  // official runs.
  const auto on_edge = [](double successes, std::size_t trials, double p) {
    const double n = static_cast<double>(trials);
    return std::abs(successes / n - p) - 1.959963984540054 * std::sqrt(p * (1 - p) / n);
  };
  for (const auto& [successes, trials] :
       std::vector<std::pair<double, std::size_t>>{{9, 10}, {388, 400}, {2.5, 7}}) {
    const Interval interval = wilson_interval(successes, trials);
    CHECK(interval.low < successes / static_cast<double>(trials));
    CHECK(interval.high > successes / static_cast<double>(trials));
    CHECK(on_edge(successes, trials, interval.low) == doctest::Approx(0.0).epsilon(1e-12));
    CHECK(on_edge(successes, trials, interval.high) == doctest::Approx(0.0).epsilon(1e-12));
  }
  CHECK(wilson_interval(9, 10).low == doctest::Approx(0.5958).epsilon(1e-4));
  CHECK(wilson_interval(9, 10).high == doctest::Approx(0.9821).epsilon(1e-4));
  CHECK(wilson_interval(0, 10).low == 0.0);
  CHECK(wilson_interval(10, 10).high == doctest::Approx(1.0));
}
