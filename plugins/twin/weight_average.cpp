#include "weight_average.h"

#include <algorithm>
#include <utility>

#include "loops.h"
#include "parameter.h"

namespace twinflow::twin {
namespace {

TWINFLOW_WIDE void approach(float* __restrict average, const float* __restrict weights, float part,
                            std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) average[i] += part * (weights[i] - average[i]);
}

std::string saved_name(const std::string& name) { return "average." + name; }

}  // namespace

WeightAverage::WeightAverage(Network& network, std::span<const float> distance_weights, double decay)
    : distance_{nullptr, distance_weights, {distance_weights.begin(), distance_weights.end()}},
      decay_(decay) {
  for (const Network::Stored& one : network.stored())
    all_.push_back({one.parameter, one.weights, {one.weights.begin(), one.weights.end()}});
}

void WeightAverage::update(std::uint64_t t) {
  const double made = static_cast<double>(t);
  const float part = static_cast<float>(1.0 - std::min(decay_, (1.0 + made) / (10.0 + made)));
  for (Average& one : all_)
    parallel_ranges(one.values.size(), 16384, [&](std::size_t begin, std::size_t end) {
      approach(one.values.data() + begin, one.weights.data() + begin, part, end - begin);
    });
  approach(distance_.values.data(), distance_.weights.data(), part, distance_.values.size());
}

NamedTensors WeightAverage::tensors() const {
  NamedTensors made;
  for (const Average& one : all_)
    made.tensors[one.parameter->name] = {one.parameter->dims, one.parameter->row_major(one.values.data())};
  return made;
}

void WeightAverage::save(State& state) const {
  for (NamedTensors made = tensors(); auto& [name, tensor] : made.tensors)
    state.tensors[saved_name(name)] = std::move(tensor);
  if (!distance_.values.empty())
    state.tensors[saved_name("distance.weight")] = {{static_cast<std::int64_t>(distance_.values.size())},
                                                    distance_.values};
}

void WeightAverage::add_to(StableHash& hash) const {
  for (const Average& one : all_) hash.add(one.values);
  hash.add(distance_.values);
}

void WeightAverage::restore(const State& state) {
  for (Average& one : all_) twin::restore(one.values, one.parameter, state, saved_name(one.parameter->name));
  if (!distance_.values.empty())
    twin::restore(distance_.values, nullptr, state, saved_name("distance.weight"));
}

}  // namespace twinflow::twin
