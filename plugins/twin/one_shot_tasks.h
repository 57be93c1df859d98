#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "shown_images.h"
#include "twinflow/dataset.h"
#include "twinflow/random.h"

namespace twinflow::twin {

/// Tasks, flat: there may be millions. Images are named by their index in the store.
class TaskList {
 public:
  /// Tasks of one form, one after the other.
  struct Block {
    std::vector<std::int32_t> ways;  // of the support images of each task
    std::size_t way_count = 0, queries = 0;
    std::vector<std::uint32_t> images;  // of each task its support, then its queries
    std::vector<std::int32_t> answers;  // of each task those of its queries

    std::size_t tasks() const { return answers.size() / queries; }
    std::span<const std::uint32_t> support(std::size_t task) const {
      return {images.data() + task * (ways.size() + queries), ways.size()};
    }
    std::uint32_t query(std::size_t task, std::size_t which) const {
      return images[task * (ways.size() + queries) + ways.size() + which];
    }
  };

  TaskList() = default;
  explicit TaskList(std::span<const FewShotTask> tasks) {
    for (const FewShotTask& task : tasks) add(task);
  }
  /// `expected`: how many like it there will be; makes room for them.
  void add(const FewShotTask& task, std::size_t expected = 1);

  const std::vector<Block>& blocks() const { return blocks_; }
  std::size_t size() const;    // tasks
  std::size_t trials() const;  // queries

 private:
  std::vector<Block> blocks_;
};

/// What tasks to draw: each shows `shots` images of each of `ways` classes and asks for the class of one
/// more.
struct TaskPlan {
  std::size_t ways = 20, shots = 1, trials = 1000;
  bool within_group = true;
};

/// As many tasks as trials, each with one query and drawn anew, so that trials are independent. All classes
/// of a task are of one group, drawn evenly from the groups with enough classes, whatever their size; or, not
/// within a group, they are drawn evenly from all classes.
///
/// Where the data set knows who drew what, nobody's hand is on both sides. Within a group a task takes
/// shots + 1 people, as Lake's runs do: shot s of every class is by person s, and the query by the last;
/// classes that one of them did not draw are left out. Otherwise, as other groups mostly have other people,
/// the shots of each class are by different ones of its people, none of them the query's. Where nobody knows
/// who drew what, the images of a task are merely different.
///
/// Throws Error when the data set holds no such task.
TaskList draw_tasks(const Dataset& data, const TaskPlan& plan, Random& random);

/// The images that tasks show. `lists`: tasks of one store of that many images.
ShownImages shown_images(std::span<const TaskList* const> lists, std::size_t store_count);

}  // namespace twinflow::twin
