#include "plugins/twin/support.h"

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <limits>

#include "plugins/twin/one_shot.h"
#include "small_model.h"
#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

Embeddings rows(const std::vector<float>& values, std::size_t size = 1) {
  Embeddings made(values.size() / size, size);
  made.values = values;
  return made;
}

/// Of which only the distance is asked.
Model measuring(const std::string& distance) { return model_of("[{type = 'relu'}]", {1, 1, 1}, distance); }

/// "class distance margin" of each query.
std::string answers(const Support& support, const std::vector<float>& queries,
                    const std::string& distance = "l1") {
  std::string all;
  for (const Support::Answer& one : support.classify(measuring(distance), rows(queries)))
    all += fmt::format("{}{} {} {}", all.empty() ? "" : ", ", one.nearest, one.distance, one.margin);
  return all;
}

}  // namespace

TEST_CASE("a query's class by mean distance, prototype and nearest image, worked out by hand") {
  // Class 0 at 0 and 8, class 1 at 5. From 3: to class 0 it is 3 and 5, mean 4, nearest 3, prototype (4) 1;
  // to class 1 it is 2.
  const Embeddings images = rows({0, 5, 8});
  const std::vector<std::int32_t> of_class = {0, 1, 0};
  CHECK(answers({images, of_class, Classify::mean_distance}, {3}) == "1 2 2");
  CHECK(answers({images, of_class, Classify::prototype}, {3}) == "0 1 1");
  CHECK(answers({images, of_class, Classify::nearest}, {3}) == "1 2 1");
  // From 9: 9 and 1, mean 5, nearest 1, prototype 5; to class 1 it is 4.
  CHECK(answers({images, of_class, Classify::mean_distance}, {3, 9}) == "1 2 2, 1 4 1");
  CHECK(answers({images, of_class, Classify::prototype}, {3, 9}) == "0 1 1, 1 4 1");
  CHECK(answers({images, of_class, Classify::nearest}, {3, 9}) == "1 2 1, 0 1 3");
}

TEST_CASE("with one image of each class all three are the same; of ties the first class is taken") {
  for (const Classify classify : {Classify::mean_distance, Classify::prototype, Classify::nearest}) {
    const Support support(rows({4, 0, 8}), {0, 1, 2}, classify);
    CHECK(answers(support, {2, 6, 5}) == "0 2 0, 0 2 0, 0 1 2");
    CHECK(answers(support, {5}, "squared_l2") == "0 1 8");
  }
  CHECK(answers({rows({4, 5}), {0, 0}, Classify::nearest}, {7}) == "0 2 nan");  // there is no second class
}

TEST_CASE("many queries are answered in parts, alike for 1, 2 and 8 threads") {
  Random random(1, 0, 0);
  Embeddings images(300, 4), queries(5000, 4);  // more than a million pairs
  for (Embeddings* some : {&images, &queries})
    for (float& value : some->values) value = static_cast<float>(random.uniform());
  std::vector<std::int32_t> of_class;
  for (std::size_t i = 0; i < 300; ++i) of_class.push_back(static_cast<std::int32_t>(i % 100));
  const Support support(images, of_class, Classify::nearest);
  for (const int threads : {1, 2, 8})
    tbb::task_arena(threads).execute([&] {
      const auto found = support.classify(measuring("squared_l2"), queries);
      REQUIRE(found.size() == 5000);
      for (const std::size_t query : {0, 1, 3494, 3495, 3496, 4999}) {
        std::size_t nearest = 0;
        float least = std::numeric_limits<float>::infinity();
        for (std::size_t i = 0; i < 300; ++i) {
          float sum = 0;
          for (std::size_t k = 0; k < 4; ++k) {
            const float difference = queries.row(query)[k] - images.row(i)[k];
            sum += difference * difference;
          }
          if (sum < least) least = sum, nearest = i % 100;
        }
        CHECK(found[query].nearest == nearest);
        CHECK(found[query].distance == doctest::Approx(least).epsilon(1e-5));
      }
    });
}

TEST_CASE("what is measured on tasks is what is applied: the same distances to the bit") {
  Random random(5, 0, 0);
  const std::vector<std::int32_t> ways = {0, 1, 1, 2, 0, 3, 3, 3, 1, 0, 1, 3, 3, 1, 3};  // 1 to 6 shots
  const std::size_t shots = ways.size(), queries = 40;
  Embeddings all(shots + queries, 33), shown(shots, 33), asked(queries, 33);
  for (float& value : all.values) value = static_cast<float>(random.uniform());
  std::copy_n(all.row(0), shots * 33, shown.row(0));
  std::copy_n(all.row(shots), queries * 33, asked.row(0));
  FewShotTask task{{}, ways, {}, std::vector<std::int32_t>(queries)};
  std::vector<std::uint32_t> row;
  for (std::size_t i = 0; i < all.count; ++i) {
    (i < shots ? task.support : task.queries).push_back(i);
    row.push_back(static_cast<std::uint32_t>(i));
  }
  for (const std::string distance : {"l1", "l2", "squared_l2", "cosine"})
    for (const Classify classify : {Classify::mean_distance, Classify::prototype, Classify::nearest}) {
      CAPTURE(distance);
      CAPTURE(static_cast<int>(classify));
      const Model model = measuring(distance);
      const auto applied = Support(shown, ways, classify).classify(model, asked);
      std::size_t at = 0;
      score_tasks(TaskList({&task, 1}), classify, {all, row, *model.distance, {}}, [&](const Answered& one) {
        CHECK(applied[at].nearest == static_cast<std::size_t>(one.given));
        CHECK(applied[at].distance == one.to_given);
        ++at;
      });
      CHECK(at == queries);
    }
}

TEST_CASE("a distance that is no finite number is an error") {
  const Support support(rows({1, 2}), {0, 1}, Classify::nearest);
  CHECK_THROWS_WITH_AS(support.classify(measuring("l1"), rows({std::numeric_limits<float>::infinity()})),
                       "the model gives distances that are not finite numbers", Error);
}
