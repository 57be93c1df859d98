#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/random.h"

namespace twinflow::twin {

/// What tasks to draw: each shows `shots` images of each of `ways` classes and asks for the class of one
/// more.
struct TaskPlan {
  std::size_t ways = 20, shots = 1, trials = 1000;
};

/// As many tasks as trials, each with one query and drawn anew, so that trials are independent. All classes
/// of a task are of one group, drawn evenly from the groups with enough classes, whatever their size.
///
/// Where the data set knows who drew what, a task takes shots + 1 people, as Lake's runs do: shot s of every
/// class is by person s, and the query by the last, so nobody's hand is on both sides; classes that one of
/// them did not draw are left out. Otherwise the images of a task are merely different.
///
/// Throws Error when the data set holds no such task.
std::vector<Task> draw_tasks(const Dataset& data, const TaskPlan& plan, Random& random);

/// Throws Error when a fixed task does not fit itself or the data set: it names the task and what is wrong.
void check_tasks(const Dataset& data, std::span<const Task> tasks);

/// Tasks with the images that they use, each once: a task's numbers are positions in `images`.
struct NumberedTasks {
  std::vector<std::size_t> images;  // indices in the store, ascending
  std::vector<Task> tasks;
};
NumberedTasks number_images(std::vector<Task> tasks);

}  // namespace twinflow::twin
