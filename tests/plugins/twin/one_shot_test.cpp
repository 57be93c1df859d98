#include "plugins/twin/one_shot.h"

#include <map>
#include <numeric>

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
FewShotTask whole_task(std::size_t ways, std::size_t shots) {
  FewShotTask task;
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

enum class Metric { l1, l2, squared_l2 };

double slow_distance(Metric metric, const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += metric == Metric::l1 ? std::abs(a[k] - b[k]) : (a[k] - b[k]) * (a[k] - b[k]);
  return metric == Metric::l2 ? std::sqrt(sum) : sum;
}

/// The same score, slowly and obviously: for each query, how far each way is; who is best, and with how many.
double slow_accuracy(const Embeddings& e, const std::vector<FewShotTask>& tasks, Classify classify,
                     Metric metric) {
  const auto row = [&](std::size_t image) {
    return std::vector<double>(e.row(image), e.row(image) + e.size);
  };
  double right = 0;
  int queries = 0;
  for (const FewShotTask& task : tasks)
    for (std::size_t q = 0; q < task.queries.size(); ++q, ++queries) {
      std::map<std::int32_t, std::vector<std::vector<double>>> by_way;
      for (std::size_t s = 0; s < task.support.size(); ++s)
        by_way[task.ways[s]].push_back(row(task.support[s]));
      std::map<double, std::vector<std::int32_t>> ranking;
      for (const auto& [way, shown] : by_way) {
        std::vector<double> d, centre(e.size);
        for (const auto& one : shown) {
          d.push_back(slow_distance(metric, one, row(task.queries[q])));
          for (std::size_t k = 0; k < e.size; ++k) centre[k] += one[k] / static_cast<double>(shown.size());
        }
        double far = 0;
        if (classify == Classify::prototype) far = slow_distance(metric, centre, row(task.queries[q]));
        if (classify == Classify::nearest) far = *std::min_element(d.begin(), d.end());
        if (classify == Classify::mean_distance)
          far = std::accumulate(d.begin(), d.end(), 0.0) / static_cast<double>(d.size());
        ranking[far].push_back(way);
      }
      const auto& best = ranking.begin()->second;
      for (const std::int32_t way : best)
        if (way == task.answers[q]) right += 1.0 / static_cast<double>(best.size());
    }
  return right / queries;
}

/// Rows of an Embeddings as if they were images of a store.
OneShotScore scored(const Embeddings& e, const std::vector<FewShotTask>& tasks,
                    const Distance& distance = l2(), const std::vector<float>& weights = {},
                    Classify classify = Classify::mean_distance, const Told& told = {}) {
  std::vector<std::uint32_t> row(e.count);
  std::iota(row.begin(), row.end(), 0u);
  return score_tasks(TaskList(tasks), classify, {e, row, distance, weights}, told);
}

double binomial(std::size_t n, double p, std::size_t k) {
  const auto log_factorial = [](std::size_t m) { return std::lgamma(static_cast<double>(m) + 1.0); };
  return std::exp(log_factorial(n) - log_factorial(k) - log_factorial(n - k) +
                  static_cast<double>(k) * std::log(p) + static_cast<double>(n - k) * std::log1p(-p));
}

/// What was counted lies in neither far tail of the exact binomial.
bool by_chance(std::size_t n, double p, double counted) {
  double below = 0, above = 0;
  for (std::size_t k = 0; k <= n; ++k) {
    if (static_cast<double>(k) <= counted) below += binomial(n, p, k);
    if (static_cast<double>(k) >= counted) above += binomial(n, p, k);
  }
  return below > 1e-6 && above > 1e-6;
}

}  // namespace

TEST_CASE("a perfect embedding answers everything") {
  Embeddings e(20 * 2, 20);
  for (std::size_t i = 0; i < e.count; ++i) e.row(i)[i / 2] = 1.0f + 0.1f * static_cast<float>(i % 2);
  const std::vector<FewShotTask> tasks = {whole_task(20, 1)};
  const OneShotScore score = scored(e, tasks);
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
    std::vector<FewShotTask> tasks;
    for (std::size_t t = 0; t < 400; ++t) {
      tasks.push_back(whole_task(5, shots));
      for (auto* images : {&tasks.back().support, &tasks.back().queries})
        for (std::size_t& image : *images) image += t * (shots + 1) * 5;
    }
    const OneShotScore score = scored(e, tasks);
    CHECK(score.trials == 2000);
    CHECK(score.accuracy ==
          doctest::Approx(slow_accuracy(e, tasks, Classify::mean_distance, Metric::l2)).epsilon(1e-12));
    CHECK(by_chance(2000, 0.2, 2000 * score.accuracy));
    CHECK(!score.collapsed);
  }
}

TEST_CASE("every way to classify agrees with the slow way, ties included, for any number of threads") {
  // Small whole numbers: every distance and mean is exact, and many are equal.
  for (const std::size_t shots : {1, 2, 4}) {
    Embeddings e(300 * (shots + 1) * 5, 3);
    Random random(22, 0, shots);
    for (float& value : e.values) value = static_cast<float>(random.below(4));
    std::vector<FewShotTask> tasks;
    for (std::size_t t = 0; t < 300; ++t) {
      tasks.push_back(whole_task(5, shots));
      for (auto* images : {&tasks.back().support, &tasks.back().queries})
        for (std::size_t& image : *images) image = random.below(e.count);
      if (t % 3 == 0) tasks.back().queries.resize(2), tasks.back().answers.resize(2);
    }
    for (const auto& [metric, type] :
         {std::pair(Metric::l1, "l1"), std::pair(Metric::squared_l2, "squared_l2")})
      for (const Classify classify : {Classify::mean_distance, Classify::prototype, Classify::nearest}) {
        CAPTURE(type);
        CAPTURE(static_cast<int>(classify));
        const auto distance = component<Distance>(std::string("type = \"") + type + "\"");
        const double slow = slow_accuracy(e, tasks, classify, metric);
        std::vector<double> of_threads;
        int tied = 0;
        for (const int threads : {1, 2, 8}) {
          const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, 8);
          tbb::task_arena arena(threads);
          double told = 0;
          arena.execute([&] {
            const OneShotScore score = scored(e, tasks, *distance, {}, classify, [&](const Answered& one) {
              told += one.score;
              tied += one.score > 0 && one.score < 1;
            });
            of_threads.push_back(score.accuracy);
            CHECK(score.trials == 1200);
          });
          CHECK(told / 1200 == of_threads.back());
        }
        CHECK(of_threads[0] == doctest::Approx(slow).epsilon(1e-12));
        CHECK(of_threads[1] == of_threads[0]);
        CHECK(of_threads[2] == of_threads[0]);
        CHECK(tied > 20);
      }
  }
}

TEST_CASE("many tasks are answered in parts, as one by one") {
  // 60,000 trials of 20 ways are more than the pairs of one part.
  Embeddings e(500, 2);
  Random random(23, 0, 0);
  for (float& value : e.values) value = static_cast<float>(random.below(1000));
  std::vector<FewShotTask> tasks(60000);
  for (FewShotTask& task : tasks) {
    task = whole_task(20, 1);
    for (auto* images : {&task.support, &task.queries})
      for (std::size_t& image : *images) image = random.below(e.count);
    task.queries.resize(1), task.answers.resize(1);
  }
  const auto squared = component<Distance>("type = \"squared_l2\"");
  for (const Classify classify : {Classify::mean_distance, Classify::prototype}) {
    std::size_t at = 0, others = 0;
    const OneShotScore score = scored(e, tasks, *squared, {}, classify, [&](const Answered& one) {
      others += one.query != tasks[at].queries[0] || one.support[19] != tasks[at].support[19];
      ++at;
    });
    CHECK(at == 60000);
    CHECK(others == 0);
    CHECK(score.accuracy ==
          doctest::Approx(slow_accuracy(e, tasks, classify, Metric::squared_l2)).epsilon(1e-12));
  }
}

TEST_CASE("it tells of each query what was answered") {
  // On a line. Queries at 0 and 6.5, right way 1. Way 0 at 3 and 5, way 1 at -6 and 7, way 2 at 4 and 4.
  const Embeddings e = rows({{3}, {5}, {-6}, {7}, {4}, {4}, {0}, {6.5f}});
  const FewShotTask task{{0, 1, 2, 3, 4, 5}, {0, 0, 1, 1, 2, 2}, {6, 7}, {1, 1}};
  const auto answers = [&](Classify classify) {
    std::vector<Answered> all;  // what they look at is gone
    scored(e, {task}, l2(), {}, classify, [&](const Answered& one) { all.push_back(one); });
    REQUIRE(all.size() == 2);
    return all;
  };
  const auto mean = answers(Classify::mean_distance), nearest = answers(Classify::nearest),
             prototype = answers(Classify::prototype);
  CHECK(mean[0].query == 6);
  CHECK(mean[0].right == 1);
  CHECK(mean[0].given == 0);  // ways 0 and 2 tie at 4: the first
  CHECK(mean[0].score == 0.0);
  CHECK(mean[0].to_right == 6.5);
  CHECK(mean[0].to_given == 4.0);
  CHECK(nearest[0].given == 0);
  CHECK(nearest[0].to_right == 6.0);
  CHECK(nearest[0].to_given == 3.0);
  CHECK(nearest[1].given == 1);
  CHECK(nearest[1].score == 1.0);
  CHECK(nearest[1].to_given == 0.5);
  CHECK(prototype[0].given == 1);  // the mean of -6 and 7 is near 0
  CHECK(prototype[0].to_given == 0.5);
}

TEST_CASE("the nearest neighbour on pixels is exact") {
  // The query 100 100 0 is sqrt(2500) from the first image and sqrt(2501) from the second.
  PixelStore store;
  store.height = 1, store.width = 3;
  store.pixels = {140, 70, 0, 100, 150, 1, 100, 100, 0, 100, 150, 0};
  const auto accuracy = [&](std::vector<std::size_t> support, std::int32_t answer) {
    return score_pixels(TaskList(std::vector{FewShotTask{std::move(support), {0, 1}, {2}, {answer}}}), store)
        .accuracy;
  };
  CHECK(accuracy({0, 1}, 0) == 1.0);
  CHECK(accuracy({0, 1}, 1) == 0.0);
  CHECK(accuracy({0, 3}, 1) == 0.5);  // a tie
  // Random pixels: as an embedding of the pixels answers.
  Random random(3, 0, 0);
  store.height = 4, store.width = 5;
  store.pixels.resize(60 * 20);
  for (std::uint8_t& pixel : store.pixels) pixel = static_cast<std::uint8_t>(random.below(256));
  Embeddings e(60, 20);
  std::copy(store.pixels.begin(), store.pixels.end(), e.values.begin());
  std::vector<FewShotTask> tasks(200);
  for (FewShotTask& task : tasks) {
    task = whole_task(4, 2);
    for (auto* images : {&task.support, &task.queries})
      for (std::size_t& image : *images) image = random.below(60);
  }
  CHECK(score_pixels(TaskList(tasks), store).accuracy ==
        doctest::Approx(slow_accuracy(e, tasks, Classify::nearest, Metric::l2)).epsilon(1e-12));
}

TEST_CASE("ties count 1/k") {
  // On a line: support images of ways 0 .. 3 at 1, -1, 1, 5; queries at 0.
  const Embeddings e = rows({{1}, {-1}, {1}, {5}, {0}});
  const FewShotTask task{{0, 1, 2, 3}, {0, 1, 2, 3}, {4, 4}, {0, 3}};
  const OneShotScore score = scored(e, {task});
  CHECK(score.accuracy == doctest::Approx((1.0 / 3.0 + 0.0) / 2.0));
  CHECK(!score.collapsed);
}

TEST_CASE("several shots: the smallest mean distance wins, not the nearest image") {
  // Query at 0. Way 0: at 1 and 9, mean 5, and nearest. Way 1: at 3 and -4, mean 3.5.
  const Embeddings e = rows({{1}, {9}, {3}, {-4}, {0}});
  const FewShotTask task{{0, 1, 2, 3}, {0, 0, 1, 1}, {4}, {1}};
  CHECK(scored(e, {task}).accuracy == 1.0);
  // Ways may show different numbers of images: here way 0 at 1 alone and way 1 at 0.5 and 0.7, mean 0.6 but
  // sum 1.2.
  const Embeddings uneven = rows({{1}, {0.5f}, {0.7f}, {0}});
  const FewShotTask other{{0, 1, 2}, {0, 1, 1}, {3}, {1}};
  CHECK(scored(uneven, {other}).accuracy == 1.0);
}

TEST_CASE("a learned distance is asked with its weights") {
  const auto weighted = component<Distance>("type = \"weighted_l1\"");
  // The second column decides with weights (0, 1), the first with (1, 0).
  const Embeddings e = rows({{0, 5}, {5, 0}, {0, 0}});
  const FewShotTask task{{0, 1}, {0, 1}, {2}, {1}};
  CHECK(scored(e, {task}, *weighted, {0, 1, 0}).accuracy == 1.0);
  CHECK(scored(e, {task}, *weighted, {1, 0, 0}).accuracy == 0.0);
  CHECK(scored(e, {task}, *weighted, {0, 0, 3}).collapsed);
}

TEST_CASE("constant outputs are a collapse") {
  const std::vector<FewShotTask> tasks = {whole_task(5, 1)};
  Embeddings e(10, 3);
  CHECK(scored(e, tasks).collapsed);  // all zero
  for (std::size_t i = 0; i < e.count; ++i) std::copy_n(std::vector<float>{0.5f, -2, 1}.begin(), 3, e.row(i));
  CHECK(scored(e, tasks).collapsed);
  e.row(7)[1] += 1e-6f;  // what rounding does
  CHECK(scored(e, tasks).collapsed);
  for (std::size_t i = 0; i < e.count; ++i)
    e.row(i)[1] += 1e-3f * static_cast<float>(i);  // little, but something
  CHECK(!scored(e, tasks).collapsed);
}

TEST_CASE("embeddings that are not numbers are refused") {
  Embeddings e = rows({{1}, {2}, {NAN}});
  CHECK_THROWS_WITH_AS(scored(e, {FewShotTask{{0, 1}, {0, 1}, {2}, {0}}}),
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

TEST_CASE("Wilson's interval holds the truth about as often as it says, by the exact binomial") {
  struct Covered {
    std::size_t n;
    double p, part;  // worked out with exact binomials: the k with |k/n - p| <= z sqrt(p (1 - p) / n)
  };
  for (const Covered& one : std::vector<Covered>{
           {10, 0.05, 0.913862},  {10, 0.2, 0.967207},   {10, 0.5, 0.978516},   {10, 0.8, 0.967207},
           {10, 0.97, 0.965493},  {50, 0.05, 0.962224},  {50, 0.2, 0.950701},   {50, 0.5, 0.935091},
           {50, 0.8, 0.950701},   {50, 0.97, 0.937240},  {400, 0.05, 0.950249}, {400, 0.2, 0.947623},
           {400, 0.5, 0.948960},  {400, 0.8, 0.947623},  {400, 0.97, 0.945871}, {1000, 0.05, 0.950417},
           {1000, 0.2, 0.947364}, {1000, 0.5, 0.946322}, {1000, 0.8, 0.947364}, {1000, 0.97, 0.949367},
       }) {
    CAPTURE(one.n);
    CAPTURE(one.p);
    double covered = 0;
    for (std::size_t k = 0; k <= one.n; ++k) {
      const Interval interval = wilson_interval(static_cast<double>(k), one.n);
      if (interval.low <= one.p && one.p <= interval.high) covered += binomial(one.n, one.p, k);
    }
    CHECK(covered == doctest::Approx(one.part).epsilon(1e-5));
    CHECK(std::abs(covered - 0.95) < (one.n < 100 ? 0.04 : 0.005));
  }
}
