#pragma once

#include <string>
#include <vector>

#include "one_shot.h"
#include "twinflow/spec.h"

namespace twinflow::twin {

/// What one-shot tasks are drawn, and how they are answered: parameters of twin.evaluate, and of each of its
/// protocols.
struct TaskForm {
  enum class Within { group, any };

  std::size_t ways = 20, shots = 1, trials = 1000;
  Within within = Within::group;
  Classify classify = Classify::mean_distance;

  TaskPlan plan() const { return {ways, shots, trials, within == Within::group}; }

  template <class Spec>
  static void describe_parameters(Spec& spec) {
    spec.param("ways", &TaskForm::ways)
        .doc("classes to choose from; fixed tasks have their own")
        .range(2, 100000);
    spec.param("shots", &TaskForm::shots)
        .doc("images shown of each class; fixed tasks have their own")
        .range(1, 1000);
    spec.param("trials", &TaskForm::trials).doc("queries; fixed tasks have their own").range(1, 10000000);
    spec.param("within", &TaskForm::within)
        .names({{"group", Within::group}, {"any", Within::any}})
        .doc(
            "whether the classes of a task are of one group (an alphabet), or from anywhere, which is much "
            "easier: never compare the two");
    spec.param("classify", &TaskForm::classify)
        .names(classify_names())
        .doc(
            "with several shots, which class is nearest: by the mean distance to its images, the distance "
            "to the mean of their embeddings (Snell 2017), or the smallest distance");
  }
};

/// A further protocol, under a name: [[node.NAME.protocol]].
struct Protocol : TaskForm {
  std::string name;

  static void describe(TableSpec<Protocol>& spec) {
    spec.name("a protocol");
    spec.param("name", &Protocol::name).doc("what its metrics begin with: NAME.accuracy").required();
    describe_parameters(spec);
  }
};

/// "20-way 1-shot within one alphabet, support and query by different drawers, 1000 trials".
std::string drawn_text(const TaskForm& form, const Dataset& data);
/// "20-way 1-shot, 400 trials of 20 fixed tasks".
std::string fixed_text(const TaskForm& form, const Dataset& data);

}  // namespace twinflow::twin
