#include "weight_average.h"

#include <fmt/format.h>

#include <algorithm>

#include "loops.h"
#include "parameter.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void approach(float* __restrict average, const float* __restrict weights, float part,
                            std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) average[i] += part * (weights[i] - average[i]);
}

std::string saved_name(const std::string& name) { return "average." + name; }

}  // namespace

WeightAverage::WeightAverage(Network& network, double decay) : decay_(decay) {
  for (const Network::Stored& one : network.stored())
    all_.push_back({one, {one.weights.begin(), one.weights.end()}});
}

void WeightAverage::update(std::uint64_t t) {
  const double made = static_cast<double>(t);
  const float part = static_cast<float>(1.0 - std::min(decay_, (1.0 + made) / (10.0 + made)));
  for (Average& one : all_)
    parallel_ranges(one.values.size(), 16384, [&](std::size_t begin, std::size_t end) {
      approach(one.values.data() + begin, one.of.weights.data() + begin, part, end - begin);
    });
}

NamedTensors WeightAverage::tensors() const {
  NamedTensors made;
  for (const Average& one : all_)
    made.tensors[one.of.parameter->name] = {one.of.parameter->dims,
                                            one.of.parameter->row_major(one.values.data())};
  return made;
}

void WeightAverage::save(State& state) const {
  for (auto& [name, tensor] : tensors().tensors) state.tensors[saved_name(name)] = tensor;
}

void WeightAverage::restore(const State& state) {
  for (Average& one : all_) {
    const std::string name = saved_name(one.of.parameter->name);
    const Tensor& tensor = state.tensor(name);
    if (tensor.values.size() != one.of.parameter->logical())
      throw Error(fmt::format("the saved tensor '{}' has {} values, but here it has {}", name,
                              tensor.values.size(), one.of.parameter->logical()));
    one.of.parameter->lay_out(tensor.values, one.values.data());
  }
}

}  // namespace twinflow::twin
