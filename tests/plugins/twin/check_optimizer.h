#pragma once

#include "components.h"

/// What the tests of optimisers share.
namespace twinflow::twin {

struct Updated {
  std::vector<float> weights;
  std::vector<std::vector<float>> slots;
};
/// After one update for each of the gradients, made in ranges of that length.
inline Updated updated(const Optimizer& optimizer, const std::vector<float>& start,
                       const std::vector<std::vector<float>>& gradients, std::size_t length) {
  Updated made{start, std::vector<std::vector<float>>(optimizer.slots(), std::vector<float>(start.size()))};
  for (std::uint64_t t = 0; t < gradients.size(); ++t)
    for (std::size_t first = 0; first < start.size(); first += length) {
      const std::size_t count = std::min(length, start.size() - first);
      std::vector<float*> slots;
      for (auto& slot : made.slots) slots.push_back(slot.data() + first);
      optimizer.update(std::span(made.weights).subspan(first, count),
                       std::span(gradients[t]).subspan(first, count), slots,
                       {.t = t, .rate = optimizer.learning_rate});
    }
  return made;
}

/// All cases of that optimiser in the reference: several updates from the same start.
inline void check_optimizer(const std::string& type) {
  const auto& data = reference()["optimizers"];
  for_each_case<Optimizer>("optimizers", type, [&](const nlohmann::json& one, const Optimizer& optimizer) {
    CHECK(optimizer.learning_rate == data["rate"].get<double>());
    const std::vector<float> start = floats(data["start"]);
    std::vector<std::vector<float>> gradients;
    for (const auto& gradient : data["gradients"]) gradients.push_back(floats(gradient));
    const Updated whole = updated(optimizer, start, gradients, start.size());
    check_close(whole.weights, floats(one["weights"]), 2e-6);

    // Where the trainer cuts the weights into ranges may not matter to a bit: neither in a vector register's
    // lanes nor in what is left over behind the last.
    std::vector<float> longer;
    for (int i = 0; i < 9; ++i) longer.insert(longer.end(), start.begin(), start.end());
    for (std::vector<float>& gradient : gradients) {
      const std::vector<float> once = gradient;
      for (int i = 1; i < 9; ++i)
        for (const float g : once) gradient.push_back(g * std::pow(1.7f, static_cast<float>(i)));
    }
    const Updated uncut = updated(optimizer, longer, gradients, longer.size());
    for (const std::size_t length : {1, 3, 16, 17, 40}) {
      CAPTURE(length);
      const Updated cut = updated(optimizer, longer, gradients, length);
      CHECK(cut.weights == uncut.weights);
      CHECK(cut.slots == uncut.slots);
    }
  });
}

}  // namespace twinflow::twin
