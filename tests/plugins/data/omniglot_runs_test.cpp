#include "plugins/data/omniglot_runs.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "fake_omniglot.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

Collection collection(const fake::Files& files) {
  Collection made{"all_runs.zip", {}};
  for (const auto& [name, bytes] : files) made.files.push_back({name, bytes});
  return made;
}

int mark(const Dataset& data, std::size_t image) {
  const auto pixels = data.store->kept(image);
  int row = 0;
  while (pixels[static_cast<std::size_t>(row) * 105] == 0) ++row;
  return row / 3;
}

/// What is said when class_labels.txt of run 1 reads so.
std::string said_of_labels(const std::string& labels) {
  fake::Files files = fake::runs();
  fake::file(files, "run01/class_labels.txt") = fake::text(labels);
  return fake::error_of([&] { read_omniglot_runs(collection(files), {}); });
}

std::string said_without(const std::string& name) {
  fake::Files files = fake::runs();
  std::erase_if(files, [&](const auto& file) { return file.first == name; });
  return fake::error_of([&] { read_omniglot_runs(collection(files), {}); });
}

}  // namespace

TEST_CASE("each run is a task: its training images are ways, its test images are queries") {
  const Dataset data = read_omniglot_runs(collection(fake::runs()), {});
  CHECK(data.groups == std::vector<std::string>{"run01", "run02"});
  CHECK(data.group_word == "run");
  CHECK(data.drawers.empty());
  CHECK(data.names[data.tasks[1].support[0]] == "run02/training/class01.png");
  CHECK(data.description == "omniglot, official one-shot runs: 2 runs, 4 classes, 4 images");
  REQUIRE(data.classes.size() == 4);
  CHECK(data.classes[1].name == "class02");
  CHECK(data.classes[1].group == 0);
  CHECK(data.classes[2].name == "class01");
  CHECK(data.classes[2].group == 1);
  CHECK(data.store->count() == 8);
  REQUIRE(data.tasks.size() == 2);
  const FewShotTask& task = data.tasks[0];
  CHECK(task.ways == std::vector<std::int32_t>{0, 1});
  CHECK(task.answers == std::vector<std::int32_t>{1, 0});
  CHECK(data.tasks[1].answers == std::vector<std::int32_t>{0, 1});
  CHECK(task.support == std::vector<std::size_t>{data.classes[0].images[0], data.classes[1].images[0]});
  CHECK(mark(data, task.support[0]) == 11);
  CHECK(mark(data, task.support[1]) == 12);
  CHECK(mark(data, task.queries[0]) == 16);
  CHECK(mark(data, task.queries[1]) == 17);
  CHECK(mark(data, data.tasks[1].queries[1]) == 27);
}

TEST_CASE("lines of class_labels.txt are checked") {
  const std::string where = "all_runs.zip, 'run01/class_labels.txt'";
  const std::string one = "run01/test/item01.png run01/training/class02.png\n";
  const std::string two = "run01/test/item02.png run01/training/class01.png\r\n";
  CHECK(said_of_labels("\n" + one + "\n" + two) == "");
  CHECK(said_of_labels(one + "run01/test/item02.png\n") ==
        where + ", line 2: expected two file names, a test image and the training image of its character");
  CHECK(said_of_labels("a b c\n" + one + two) ==
        where + ", line 1: expected two file names, a test image and the training image of its character");
  CHECK(said_of_labels(one + "run01/test/item03.png run01/training/class01.png") ==
        where + ", line 2: there is no test image 'run01/test/item03.png'");
  CHECK(said_of_labels(one + "run01/test/item02.png run02/training/class01.png") ==
        where + ", line 2: there is no training image 'run02/training/class01.png'");
  CHECK(said_of_labels(one + two + one) == where + ", line 3: 'run01/test/item01.png' has a line already");
  CHECK(said_of_labels(one) == where + ": no line names the test image 'run01/test/item02.png'");
}

TEST_CASE("missing and foreign files are named") {
  CHECK(said_without("run02/class_labels.txt") == "all_runs.zip: 'run02/class_labels.txt' is missing");
  CHECK(said_without("run01/training/class02.png") ==
        "all_runs.zip, 'run01/class_labels.txt', line 1: there is no training image "
        "'run01/training/class02.png'");
  CHECK(said_without("run01/test/item01.png") ==
        "all_runs.zip, 'run01/class_labels.txt', line 1: there is no test image 'run01/test/item01.png'");
  CHECK(fake::error_of([] { read_omniglot_runs(collection({}), {}); }) == "all_runs.zip holds no runs");
  CHECK(fake::error_of([] {
          read_omniglot_runs(collection({{"run01/class_labels.txt", {}}}), {});
        }) == "all_runs.zip, 'run01/class_labels.txt': the run has no test image");
  for (const std::string name :
       {"readme.txt", "run01/readme.txt", "run01/test/deep/item01.png", "run01/test/item01.jpg"}) {
    CHECK(fake::error_of([&] {
            read_omniglot_runs(collection({{name, fake::png(1)}}), {});
          }) == "all_runs.zip, '" + name +
                    "': expected run01/class_labels.txt, run01/training/class01.png or "
                    "run01/test/item01.png, or the like");
  }
}

TEST_CASE("the real runs: 20 of 20 trials; nearest neighbour on normalised pixels scores Koch's 21.7 %") {
  const auto folder = fake::real_omniglot();
  if (!folder) return;
  const Dataset data = read_omniglot_runs(read_collection(*find_collection(*folder, "all_runs")), {});
  CHECK(data.tasks.size() == 20);
  CHECK(data.classes.size() == 400);
  CHECK(data.store->count() == 800);
  int right = 0, trials = 0;
  for (const FewShotTask& task : data.tasks) {
    CHECK(task.support.size() == 20);
    CHECK(task.queries.size() == 20);
    for (std::size_t q = 0; q < task.queries.size(); ++q, ++trials) {
      const auto query = data.store->kept(task.queries[q]);
      double best = -1;
      std::int32_t guess = -1;
      for (std::size_t s = 0; s < task.support.size(); ++s) {
        const auto support = data.store->kept(task.support[s]);
        double dot = 0, square = 0;
        for (std::size_t i = 0; i < query.size(); ++i)
          dot += query[i] * support[i], square += support[i] * support[i];
        const double similarity = dot / std::sqrt(square);
        if (similarity > best) best = similarity, guess = task.ways[s];
      }
      right += guess == task.answers[q];
    }
  }
  CHECK(trials == 400);
  CHECK(right == 87);  // 21.75 %
}
