#include "plugins/twin/one_shot_tasks.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "twinflow/error.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// Groups of so many classes; `drawers` people who each draw every class `times` times. Drawer p of group g
/// is 100 g + p.
Dataset data_set(const std::vector<std::size_t>& classes_by_group, int drawers, int times = 1) {
  Dataset data;
  data.description = "test letters";
  data.group_word = "alphabet";
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  for (std::size_t g = 0; g < classes_by_group.size(); ++g) {
    data.groups.push_back("group " + std::to_string(g));
    for (std::size_t c = 0; c < classes_by_group[g]; ++c) {
      data.classes.push_back({"class " + std::to_string(c), g, {}});
      for (int p = 0; p < drawers; ++p)
        for (int t = 0; t < times; ++t) {
          data.classes.back().images.push_back(store->pixels.size());
          data.drawers.push_back(static_cast<std::int32_t>(100 * g) + p);
          store->pixels.push_back(0);
        }
    }
  }
  data.store = store;
  return data;
}

std::size_t class_of(const Dataset& data, std::size_t image) {
  for (std::size_t c = 0; c < data.classes.size(); ++c)
    if (std::count(data.classes[c].images.begin(), data.classes[c].images.end(), image)) return c;
  FAIL("an image of no class");
  return 0;
}

std::string error_of(const Dataset& data, const TaskPlan& plan) {
  Random random(1, 0, 0);
  try {
    draw_tasks(data, plan, random);
  } catch (const Error& error) {
    return error.what();
  }
  return "none";
}

/// The tasks, one by one.
std::vector<FewShotTask> listed(const TaskList& list) {
  std::vector<FewShotTask> tasks;
  for (const TaskList::Block& block : list.blocks())
    for (std::size_t i = 0; i < block.tasks(); ++i) {
      const auto support = block.support(i);
      FewShotTask& task = tasks.emplace_back();
      task.support.assign(support.begin(), support.end());
      task.ways = block.ways;
      for (std::size_t q = 0; q < block.queries; ++q) {
        task.queries.push_back(block.query(i, q));
        task.answers.push_back(block.answers[i * block.queries + q]);
      }
    }
  return tasks;
}

/// Everything that a drawn task promises.
void check_drawn(const Dataset& data, const FewShotTask& task, const TaskPlan& plan) {
  REQUIRE(task.support.size() == plan.ways * plan.shots);
  REQUIRE(task.ways.size() == task.support.size());
  REQUIRE(task.queries.size() == 1);
  REQUIRE(task.answers.size() == 1);
  std::map<std::int32_t, std::set<std::size_t>> classes;  // of each way
  std::set<std::size_t> groups, all_classes;
  std::set<std::size_t> images(task.support.begin(), task.support.end());
  CHECK(images.size() == task.support.size());
  CHECK(!images.contains(task.queries[0]));
  for (std::size_t s = 0; s < task.support.size(); ++s) {
    const std::size_t shown = class_of(data, task.support[s]);
    classes[task.ways[s]].insert(shown);
    all_classes.insert(shown);
    groups.insert(data.classes[shown].group);
  }
  if (plan.within_group) CHECK(groups.size() == 1);
  CHECK(all_classes.size() == plan.ways);
  CHECK(classes.size() == plan.ways);
  for (const auto& [way, of_way] : classes) CHECK(of_way.size() == 1);
  CHECK(*classes[task.answers[0]].begin() == class_of(data, task.queries[0]));
}

}  // namespace

TEST_CASE("drawn tasks: classes of one group, one right answer, no hand on both sides") {
  const Dataset data = data_set({6, 3, 9}, 5, 2);
  for (const TaskPlan plan : {TaskPlan{5, 1, 60}, TaskPlan{4, 3, 60}, TaskPlan{6, 4, 30}}) {
    Random random(3, 0, 0);
    const std::vector<FewShotTask> tasks = listed(draw_tasks(data, plan, random));
    REQUIRE(tasks.size() == plan.trials);
    for (const FewShotTask& task : tasks) {
      check_drawn(data, task, plan);
      for (std::size_t shot = 0; shot < plan.shots; ++shot) {
        std::set<std::int32_t> hands;
        for (std::size_t way = 0; way < plan.ways; ++way)
          hands.insert(data.drawers[task.support[way * plan.shots + shot]]);
        CHECK(hands.size() == 1);  // a shot of all classes is by one person
        CHECK(!hands.contains(data.drawers[task.queries[0]]));
      }
    }
  }
}

TEST_CASE("drawn tasks are spread evenly over groups, classes, answers and people") {
  const Dataset data = data_set({4, 3, 8}, 4);  // the group of 3 is too small
  Random random(9, 0, 0);
  const std::size_t trials = 8000;
  std::map<std::size_t, int> groups, of_large;
  std::map<std::int32_t, int> answers, hands;
  for (const FewShotTask& task : listed(draw_tasks(data, {4, 1, trials}, random))) {
    const std::size_t shown = class_of(data, task.queries[0]);
    ++groups[data.classes[shown].group];
    ++answers[task.answers[0]];
    ++hands[data.drawers[task.queries[0]] % 100];
    if (data.classes[shown].group == 2) ++of_large[shown];
  }
  // Binomial counts: five deviations, sqrt(n p (1-p)), allowed.
  const auto near = [](int count, double n, double p) {
    return std::abs(count - n * p) < 5.0 * std::sqrt(n * p * (1.0 - p));
  };
  CHECK(groups.size() == 2);
  CHECK(near(groups[0], trials, 0.5));
  for (std::int32_t i = 0; i < 4; ++i) {
    CHECK(near(answers[i], trials, 0.25));
    CHECK(near(hands[i], trials, 0.25));
  }
  CHECK(of_large.size() == 8);
  for (const auto& [one, count] : of_large) CHECK(near(count, groups[2], 0.125));
}

TEST_CASE("where nobody knows who drew what, the images of a task are different ones") {
  Dataset data = data_set({5, 5}, 3);
  data.drawers.clear();
  Random random(4, 0, 0);
  const TaskPlan plan{5, 2, 100};
  for (const FewShotTask& task : listed(draw_tasks(data, plan, random))) check_drawn(data, task, plan);
}

TEST_CASE("classes that one of the people did not draw are left out") {
  Dataset data = data_set({6}, 4);
  // Person 3 drew nothing of class 0: tasks with that person do without class 0, tasks of 6 ways without that
  // person.
  data.classes[0].images.pop_back();
  for (const std::size_t ways : {5, 6}) {
    Random random(5, 0, 0);
    std::set<std::int32_t> hands;
    for (const FewShotTask& task : listed(draw_tasks(data, {ways, 1, 300}, random))) {
      check_drawn(data, task, {ways, 1, 300});
      hands.insert(data.drawers[task.queries[0]]);
    }
    CHECK(hands.size() == (ways == 5 ? 4 : 3));
  }
}

TEST_CASE("the same random numbers draw the same tasks") {
  const Dataset data = data_set({6, 7}, 4);
  Random one(8, 2, 5), again(8, 2, 5), other(8, 2, 6);
  const auto first = listed(draw_tasks(data, {5, 1, 50}, one)),
             second = listed(draw_tasks(data, {5, 1, 50}, again)),
             third = listed(draw_tasks(data, {5, 1, 50}, other));
  int differ = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    CHECK(first[i].support == second[i].support);
    CHECK(first[i].queries == second[i].queries);
    CHECK(first[i].answers == second[i].answers);
    differ += first[i].support != third[i].support;
  }
  CHECK(differ > 40);
}

TEST_CASE("data without such tasks is refused in a sentence") {
  CHECK(error_of(data_set({6, 3}, 5), {7, 1, 10}) ==
        "a 7-way task takes 7 classes of one alphabet; the largest of 'test letters' has 6");
  CHECK(error_of(data_set({6}, 2), {5, 2, 10}) ==
        "a 2-shot task takes images by 3 people of one alphabet; 'test letters' has at most 2");

  Dataset unshared = data_set({4}, 4);  // each class by a person of its own
  for (std::size_t c = 0; c < 4; ++c) unshared.classes[c].images = {4 * c + c};
  CHECK(error_of(unshared, {3, 1, 10}) ==
        "no 3-way 1-shot task was found in 'test letters': it takes one alphabet with 3 classes that have "
        "images by the "
        "same 2 people");
  unshared.drawers.clear();
  CHECK(error_of(unshared, {3, 1, 10}) ==
        "no 3-way 1-shot task was found in 'test letters': it takes one alphabet with 3 classes that have 2 "
        "images each");
}

TEST_CASE("tasks over all groups: classes from anywhere, nobody's hand on both sides") {
  Dataset data = data_set({3, 4, 2}, 4, 2);  // no group has 6 classes
  for (const bool known : {true, false}) {
    if (!known) data.drawers.clear();
    for (const TaskPlan plan : {TaskPlan{6, 1, 60, false}, TaskPlan{9, 3, 60, false}}) {
      Random random(3, 0, 0);
      const std::vector<FewShotTask> tasks = listed(draw_tasks(data, plan, random));
      REQUIRE(tasks.size() == plan.trials);
      for (const FewShotTask& task : tasks) {
        check_drawn(data, task, plan);
        if (!known) continue;
        for (std::size_t way = 0; way < plan.ways; ++way) {
          std::set<std::int32_t> hands;
          for (std::size_t shot = 0; shot < plan.shots; ++shot)
            hands.insert(data.drawers[task.support[way * plan.shots + shot]]);
          CHECK(hands.size() == plan.shots);  // a class is shown by different people
          CHECK(!hands.contains(data.drawers[task.queries[0]]));
        }
      }
    }
  }
}

TEST_CASE("where the same people drew everything, who drew the query drew no support of any class") {
  Dataset data = data_set({4, 4}, 3);
  for (std::int32_t& drawer : data.drawers) drawer %= 100;
  Random random(3, 0, 0);
  for (const FewShotTask& task : listed(draw_tasks(data, {8, 2, 100, false}, random)))
    for (const std::size_t image : task.support) CHECK(data.drawers[image] != data.drawers[task.queries[0]]);
}

TEST_CASE("tasks over all groups are spread evenly over classes, answers and people") {
  const Dataset data = data_set({4, 3, 9}, 4);
  Random random(9, 0, 0);
  const std::size_t trials = 8000;
  std::map<std::size_t, int> asked, shown;
  std::map<std::int32_t, int> answers, hands;
  for (const FewShotTask& task : listed(draw_tasks(data, {4, 1, trials, false}, random))) {
    ++asked[class_of(data, task.queries[0])];
    for (const std::size_t image : task.support) ++shown[class_of(data, image)];
    ++answers[task.answers[0]];
    ++hands[data.drawers[task.queries[0]] % 100];
  }
  const auto near = [](int count, double n, double p) {
    return std::abs(count - n * p) < 5.0 * std::sqrt(n * p * (1.0 - p));
  };
  for (std::size_t c = 0; c < 16; ++c) {
    CHECK(near(asked[c], trials, 1.0 / 16.0));
    CHECK(near(shown[c], trials, 0.25));
  }
  for (std::int32_t i = 0; i < 4; ++i) {
    CHECK(near(answers[i], trials, 0.25));
    CHECK(near(hands[i], trials, 0.25));
  }
}

TEST_CASE("too few classes for tasks over all groups are refused in a sentence") {
  Dataset data = data_set({3, 3}, 3);
  CHECK(error_of(data, {7, 1, 10, false}) ==
        "a 7-way 1-shot task takes 7 classes with images by 2 people each; 'test letters' has 6");
  CHECK(error_of(data, {2, 3, 10, false}) ==
        "a 2-way 3-shot task takes 2 classes with images by 4 people each; 'test letters' has 0");
  data.drawers.clear();
  CHECK(error_of(data, {2, 3, 10, false}) ==
        "a 2-way 3-shot task takes 2 classes with 4 images each; 'test letters' has 0");
}

TEST_CASE("a list keeps tasks as they are, whatever their forms") {
  const std::vector<FewShotTask> tasks = {{{9, 4}, {0, 1}, {30}, {0}},
                                          {{1, 2}, {0, 1}, {3}, {1}},
                                          {{30, 7, 5}, {0, 1, 1}, {9, 4}, {1, 0}},
                                          {{9, 4}, {1, 0}, {30}, {0}}};
  const TaskList list(tasks);
  CHECK(list.blocks().size() == 3);
  CHECK(list.blocks()[1].way_count == 2);
  CHECK(list.size() == 4);
  CHECK(list.trials() == 5);
  const std::vector<FewShotTask> back = listed(list);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    CHECK(back[i].support == tasks[i].support);
    CHECK(back[i].ways == tasks[i].ways);
    CHECK(back[i].queries == tasks[i].queries);
    CHECK(back[i].answers == tasks[i].answers);
  }
}

TEST_CASE("the images of all lists are shown once each") {
  const TaskList one(std::vector<FewShotTask>{{{9, 4}, {0, 1}, {30}, {0}}}),
      other(std::vector<FewShotTask>{{{30, 7}, {0, 1}, {9, 4}, {1, 1}}});
  const ShownImages made = shown_images(std::vector{&one, &other}, 40);
  CHECK(made.images == std::vector<std::size_t>{4, 7, 9, 30});
  REQUIRE(made.row.size() == 40);
  for (std::size_t i = 0; i < made.images.size(); ++i) CHECK(made.row[made.images[i]] == i);
}
