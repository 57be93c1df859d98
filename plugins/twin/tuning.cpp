#include "tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loops.h"
#include "twinflow/error.h"
#include "twinflow/pattern.h"

namespace twinflow::twin {

void Tuning::describe(TableSpec<Tuning>& spec) {
  spec.name("tune");
  spec.param("layers", &Tuning::layers)
      .doc("names of layers, as the summary lists them: a regular expression that matches the whole name")
      .required();
  spec.param("learning_rate_scale", &Tuning::learning_rate_scale)
      .doc("factor of the learning rate, decay of weights included")
      .min(0.0);
  spec.param("gradient_scale", &Tuning::gradient_scale).doc("factor of the gradient, before it is clipped");
  spec.param("momentum", &Tuning::momentum)
      .doc("in place of the optimiser's; where that ramps up, what it reaches")
      .range(0.0, 1.0);
  spec.param("l1", &Tuning::l1).doc("penalty: this times the sum of the weights' absolute values").min(0.0);
  spec.param("l2", &Tuning::l2).doc("penalty: this times the sum of the weights' squares").min(0.0);
  spec.param("bias_l1", &Tuning::bias_l1).doc("l1 of the biases").min(0.0);
  spec.param("bias_l2", &Tuning::bias_l2).doc("l2 of the biases").min(0.0);
  spec.param("max_norm", &Tuning::max_norm)
      .doc("after each update: the weights into one output have at most this length")
      .min(0.0);
  spec.param("unit_norm", &Tuning::unit_norm)
      .doc("after each update: the weights into one output have length 1");
  spec.param("non_negative", &Tuning::non_negative).doc("after each update: no weight is below 0");
  spec.param("range", &Tuning::range).doc("after each update: weights are within [low, high]");
  spec.param("frozen", &Tuning::frozen)
      .doc("not trained: weights and moving averages stay as they are (a batch_norm still uses its batch)");
  spec.param("freeze_at", &Tuning::freeze_at).doc("epoch, counted from 0, from which on it is frozen");
  spec.param("unfreeze_at", &Tuning::unfreeze_at)
      .doc(
          "with frozen: epoch, counted from 0, from which on it is trained after all; the optimiser's count "
          "of updates has gone on, so that Adam's first steps then are long: give a small "
          "learning_rate_scale");
  spec.check(&Tuning::check);
}

void Tuning::check(const Checking& checking) const {
  try {
    Pattern{layers};
  } catch (const Error& error) {
    checking.error("layers", error.what());
  }
  if (!range.empty() && (range.size() != 2 || range[0] > range[1]))
    checking.error("range", "range is [low, high], low first");
  if (unit_norm && max_norm) checking.error("max_norm", "unit_norm and max_norm contradict each other");
  if (unfreeze_at && !frozen) checking.error("unfreeze_at", "unfreeze_at needs frozen = true");
  if (freeze_at && unfreeze_at && *freeze_at <= *unfreeze_at)
    checking.error("freeze_at", "freeze_at must come after unfreeze_at");
}

std::vector<const Tuning*> match_tunings(std::span<const Tuning> tunings,
                                         std::span<const std::string> layers) {
  std::vector<const Tuning*> found(layers.size());
  for (const Tuning& tuning : tunings) {
    const Pattern pattern(tuning.layers);
    bool any = false;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (!pattern.matches(layers[i])) continue;
      any = true;
      if (found[i])
        throw Error(fmt::format("two patterns of `tune` name the layer '{}': '{}' and '{}'", layers[i],
                                found[i]->layers, tuning.layers));
      found[i] = &tuning;
    }
    if (!any)
      throw Error(fmt::format("no layer that learns is named '{}' (there are {})", tuning.layers,
                              fmt::join(layers, ", ")));
  }
  return found;
}

namespace {

TWINFLOW_WIDE void add_slopes(float l1, float two_l2, const float* __restrict w, float* __restrict g,
                              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) g[i] += penalty_slope(w[i], l1, two_l2);
}

}  // namespace

double add_penalty(double l1, double l2, std::span<const float> weights, std::span<float> gradient) {
  if (l1 == 0.0 && l2 == 0.0) return 0.0;
  add_slopes(static_cast<float>(l1), static_cast<float>(2.0 * l2), weights.data(), gradient.data(),
             weights.size());
  double sizes = 0.0, squares = 0.0;
  for (const float w : weights) {
    sizes += std::abs(w);
    squares += static_cast<double>(w) * w;
  }
  return l1 * sizes + l2 * squares;
}

void constrain(const Tuning& tuning, std::span<float> rows, std::size_t width) {
  constexpr double epsilon = 1e-7;
  parallel_each(rows.size() / width, [&](std::size_t i) {
    const std::span<float> row = rows.subspan(i * width, width);
    if (tuning.non_negative)
      for (float& w : row) w = std::max(w, 0.0f);
    if (!tuning.range.empty())
      for (float& w : row)
        w = std::clamp(w, static_cast<float>(tuning.range[0]), static_cast<float>(tuning.range[1]));
    if (!tuning.max_norm && !tuning.unit_norm) return;
    double squares = 0.0;
    for (const float w : row) squares += static_cast<double>(w) * w;
    const double length = std::sqrt(squares);
    const double wanted = tuning.max_norm ? std::min(length, *tuning.max_norm) : 1.0;
    const float factor = static_cast<float>(wanted / (epsilon + length));
    for (float& w : row) w *= factor;
  });
}

}  // namespace twinflow::twin
