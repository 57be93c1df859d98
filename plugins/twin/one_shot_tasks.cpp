#include "one_shot_tasks.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "twinflow/error.h"
#include "twinflow/interrupt.h"

namespace twinflow::twin {
namespace {

struct Group {
  std::vector<std::size_t> classes;
  std::vector<std::int32_t> drawers;  // who drew any image of them; empty when nobody knows
};

/// `count` different images of the class, image s by people[s] where they are known. Empty when it has no
/// such images.
std::vector<std::size_t> choose_images(const Dataset& data, const Dataset::Class& from, std::size_t count,
                                       const std::vector<std::int32_t>& people, Random& random) {
  std::vector<std::size_t> chosen;
  if (people.empty()) {
    if (from.images.size() < count) return {};
    for (const std::size_t i : random.choose(from.images.size(), count)) chosen.push_back(from.images[i]);
    return chosen;
  }
  for (const std::int32_t person : people) {
    std::vector<std::size_t> theirs;
    for (const std::size_t image : from.images)
      if (data.drawers[image] == person) theirs.push_back(image);
    if (theirs.empty()) return {};
    chosen.push_back(theirs[random.below(theirs.size())]);
  }
  return chosen;
}

/// A task from the group; nothing when the people drawn share too few classes.
std::optional<FewShotTask> try_task(const Dataset& data, const Group& group, const TaskPlan& plan,
                                    Random& random) {
  std::vector<std::int32_t> people;
  if (!group.drawers.empty())
    for (const std::size_t i : random.choose(group.drawers.size(), plan.shots + 1))
      people.push_back(group.drawers[i]);
  std::vector<std::vector<std::size_t>>
      candidates;  // for each class: its support, then what may be the query
  for (const std::size_t one : group.classes) {
    auto images = choose_images(data, data.classes[one], plan.shots + 1, people, random);
    if (!images.empty()) candidates.push_back(std::move(images));
  }
  if (candidates.size() < plan.ways) return std::nullopt;

  FewShotTask task;
  const std::vector<std::size_t> chosen = random.choose(candidates.size(), plan.ways);
  for (std::size_t way = 0; way < plan.ways; ++way)
    for (std::size_t shot = 0; shot < plan.shots; ++shot) {
      task.support.push_back(candidates[chosen[way]][shot]);
      task.ways.push_back(static_cast<std::int32_t>(way));
    }
  const std::size_t answer = random.below(plan.ways);
  task.queries.push_back(candidates[chosen[answer]][plan.shots]);
  task.answers.push_back(static_cast<std::int32_t>(answer));
  return task;
}

/// Who drew any image of these classes, each once.
std::vector<std::int32_t> people_of(const Dataset& data, std::span<const std::size_t> classes) {
  std::vector<std::int32_t> people;
  for (const std::size_t one : classes)
    for (const std::size_t image : data.classes[one].images) people.push_back(data.drawers[image]);
  std::sort(people.begin(), people.end());
  people.erase(std::unique(people.begin(), people.end()), people.end());
  return people;
}

/// The groups large enough; throws Error when there is none.
std::vector<Group> groups_for(const Dataset& data, const TaskPlan& plan) {
  std::vector<Group> groups;
  std::size_t most_classes = 0, most_drawers = 0;
  for (const auto& classes : data.classes_by_group()) {
    Group group{classes, {}};
    most_classes = std::max(most_classes, classes.size());
    if (classes.size() < plan.ways) continue;
    if (!data.drawers.empty()) {
      group.drawers = people_of(data, classes);
      most_drawers = std::max(most_drawers, group.drawers.size());
      if (group.drawers.size() <= plan.shots) continue;
    }
    groups.push_back(std::move(group));
  }
  if (!groups.empty()) return groups;
  if (most_classes < plan.ways)
    throw Error(fmt::format("a {}-way task takes {} classes of one {}; the largest of '{}' has {}", plan.ways,
                            plan.ways, data.group_word, data.description, most_classes));
  throw Error(fmt::format("a {}-shot task takes images by {} people of one {}; '{}' has at most {}",
                          plan.shots, plan.shots + 1, data.group_word, data.description, most_drawers));
}

/// A class for tasks over all groups, and who drew any image of it; nobody when that is not known.
struct Candidate {
  std::size_t index;
  std::vector<std::int32_t> people;
};

/// The classes with enough images by different people; throws Error when they are too few.
std::vector<Candidate> candidates_for(const Dataset& data, const TaskPlan& plan) {
  std::vector<Candidate> found;
  for (std::size_t i = 0; i < data.classes.size(); ++i) {
    Candidate one{i, {}};
    if (!data.drawers.empty()) one.people = people_of(data, {&i, 1});
    if ((data.drawers.empty() ? data.classes[i].images.size() : one.people.size()) > plan.shots)
      found.push_back(std::move(one));
  }
  if (found.size() >= plan.ways) return found;
  throw Error(fmt::format("a {}-way {}-shot task takes {} classes with {}; '{}' has {}", plan.ways,
                          plan.shots, plan.ways,
                          data.drawers.empty() ? fmt::format("{} images each", plan.shots + 1)
                                               : fmt::format("images by {} people each", plan.shots + 1),
                          data.description, found.size()));
}

FewShotTask task_of_any(const Dataset& data, const std::vector<Candidate>& candidates, const TaskPlan& plan,
                        Random& random) {
  const std::vector<std::size_t> chosen = random.choose(candidates.size(), plan.ways);
  const std::size_t answer = random.below(plan.ways);
  std::optional<std::int32_t> asking;  // who drew the query
  if (const auto& people = candidates[chosen[answer]].people; !people.empty())
    asking = people[random.below(people.size())];
  FewShotTask task;
  for (std::size_t way = 0; way < plan.ways; ++way) {
    const Candidate& one = candidates[chosen[way]];
    std::vector<std::int32_t> others, people;
    for (const std::int32_t person : one.people)
      if (person != asking) others.push_back(person);
    if (asking)
      for (const std::size_t i : random.choose(others.size(), plan.shots)) people.push_back(others[i]);
    if (asking && way == answer) people.push_back(*asking);
    const std::size_t count = plan.shots + (way == answer ? 1 : 0);
    const auto images = choose_images(data, data.classes[one.index], count, people, random);
    for (std::size_t shot = 0; shot < plan.shots; ++shot) {
      task.support.push_back(images[shot]);
      task.ways.push_back(static_cast<std::int32_t>(way));
    }
    if (way == answer) task.queries.push_back(images.back());
  }
  task.answers.push_back(static_cast<std::int32_t>(answer));
  return task;
}

}  // namespace

void TaskList::add(const FewShotTask& task, std::size_t expected) {
  if (blocks_.empty() || blocks_.back().ways != task.ways || blocks_.back().queries != task.queries.size()) {
    Block& made = blocks_.emplace_back();
    made.ways = task.ways;
    made.way_count = static_cast<std::size_t>(1 + *std::max_element(task.ways.begin(), task.ways.end()));
    made.queries = task.queries.size();
    made.images.reserve(expected * (task.support.size() + task.queries.size()));
    made.answers.reserve(expected * task.queries.size());
  }
  Block& block = blocks_.back();
  for (const auto* images : {&task.support, &task.queries})
    for (const std::size_t image : *images) block.images.push_back(static_cast<std::uint32_t>(image));
  block.answers.insert(block.answers.end(), task.answers.begin(), task.answers.end());
}

std::size_t TaskList::size() const {
  std::size_t all = 0;
  for (const Block& block : blocks_) all += block.tasks();
  return all;
}

std::size_t TaskList::trials() const {
  std::size_t all = 0;
  for (const Block& block : blocks_) all += block.answers.size();
  return all;
}

TaskList draw_tasks(const Dataset& data, const TaskPlan& plan, Random& random) {
  TaskList tasks;
  if (!plan.within_group) {
    const std::vector<Candidate> candidates = candidates_for(data, plan);
    for (std::size_t i = 0; i < plan.trials; ++i) {
      throw_if_interrupted();
      tasks.add(task_of_any(data, candidates, plan, random), plan.trials);
    }
    return tasks;
  }
  const std::vector<Group> groups = groups_for(data, plan);
  // Where everybody drew everything, the first try succeeds. So many failures in a row: there is nothing to
  // find.
  constexpr int tries = 1000;
  for (int failed = 0; tasks.size() < plan.trials;) {
    throw_if_interrupted();
    if (const auto task = try_task(data, groups[random.below(groups.size())], plan, random)) {
      tasks.add(*task, plan.trials);
      failed = 0;
    } else if (++failed == tries) {
      throw Error(fmt::format(
          "no {}-way {}-shot task was found in '{}': it takes one {} with {} classes that have {}", plan.ways,
          plan.shots, data.description, data.group_word, plan.ways,
          data.drawers.empty() ? fmt::format("{} images each", plan.shots + 1)
                               : fmt::format("images by the same {} people", plan.shots + 1)));
    }
  }
  return tasks;
}

ShownImages shown_images(std::span<const TaskList* const> lists, std::size_t store_count) {
  std::vector<bool> shown(store_count);
  for (const TaskList* list : lists)
    for (const TaskList::Block& block : list->blocks())
      for (const std::uint32_t image : block.images) shown[image] = true;
  return shown_images(shown);
}

}  // namespace twinflow::twin
