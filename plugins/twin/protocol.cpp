#include "protocol.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinflow::twin {
namespace {

std::string size_text(const FewShotTask& task) {
  const std::int32_t ways = 1 + *std::max_element(task.ways.begin(), task.ways.end());
  return fmt::format("{}-way {}-shot", ways, std::count(task.ways.begin(), task.ways.end(), 0));
}

std::string classify_text(Classify classify) {
  return classify == Classify::prototype ? ", by prototypes"
         : classify == Classify::nearest ? ", by the nearest image"
                                         : "";
}

}  // namespace

std::string drawn_text(const TaskForm& form, const Dataset& data) {
  return fmt::format("{}-way {}-shot {} {}{}{}, {} trials", form.ways, form.shots,
                     form.within == TaskForm::Within::group ? "within one" : "between classes of any",
                     data.group_word, data.drawers.empty() ? "" : ", support and query by different drawers",
                     form.shots > 1 ? classify_text(form.classify) : "", form.trials);
}

std::string fixed_text(const TaskForm& form, const Dataset& data) {
  std::string size = size_text(data.tasks[0]);
  bool several_shots = false;
  std::size_t queries = 0;
  for (const FewShotTask& task : data.tasks) {
    if (size_text(task) != size) size = "tasks of several sizes";
    const auto ways = static_cast<std::size_t>(1 + *std::max_element(task.ways.begin(), task.ways.end()));
    several_shots = several_shots || task.support.size() > ways;
    queries += task.queries.size();
  }
  return fmt::format("{}{}, {} trials of {} fixed tasks", size,
                     several_shots ? classify_text(form.classify) : "", queries, data.tasks.size());
}

}  // namespace twinflow::twin
