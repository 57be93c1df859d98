#include "updater.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loops.h"
#include "parameter.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

constexpr std::size_t range_length = 16384;

TWINFLOW_WIDE double sum_of_squares(const float* values, std::size_t count) {
  constexpr std::size_t lanes = 32;
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      sums[lane] += static_cast<double>(values[i + lane]) * static_cast<double>(values[i + lane]);
  for (std::size_t lane = 0; i < count; ++i, ++lane) sums[lane] += static_cast<double>(values[i]) * values[i];
  for (std::size_t half = lanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) sums[lane] += sums[lane + half];
  return sums[0];
}

TWINFLOW_WIDE void scale(float* values, float factor, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] *= factor;
}

}  // namespace

Updater::Updater(std::vector<Tensor> tensors, std::shared_ptr<const Optimizer> optimizer,
                 std::vector<Tuning> tunings, Clipping clipping)
    : tunings_(std::move(tunings)), optimizer_(std::move(optimizer)), clipping_(clipping) {
  std::vector<std::string> layers;
  for (Tensor& one : tensors) {
    tensors_.push_back({std::move(one), nullptr, {}, {}});
    if (layers.empty() || layers.back() != layer_of(tensors_.back().name))
      layers.push_back(layer_of(tensors_.back().name));
  }
  const std::vector<const Tuning*> found = match_tunings(tunings_, layers);
  for (const Tuning& one : tunings_)
    if (one.momentum && !optimizer_->has_momentum())
      throw Error(fmt::format("the layers '{}' are to have a momentum, but the optimizer {} has none",
                              one.layers, optimizer_->type));
  for (Trained& one : tensors_) {
    one.tuning = found[static_cast<std::size_t>(std::find(layers.begin(), layers.end(), layer_of(one.name)) -
                                                layers.begin())];
    one.matrix = one.parameter && optimizer_->takes_matrix(one.dims);
    one.slots.assign(optimizer_->slots(), std::vector<float>(one.weights.size(), 0.0f));
    for (std::size_t at = 0; at < one.weights.size(); at += range_length)
      ranges_.push_back({&one, at, std::min(range_length, one.weights.size() - at)});
  }
}

void Updater::collect() {
  for (Trained& one : tensors_)
    if (one.collected.empty()) one.collected.assign(one.gradient.size(), 0.0f);
  parallel_each(ranges_.size(), [&](std::size_t i) {
    const Range& range = ranges_[i];
    const float* sources[] = {range.tensor->collected.data(), range.tensor->gradient.data()};
    sum_in_order(range.tensor->collected.data(), sources, 2, range.begin, range.begin + range.length);
  });
  collecting_ = true;
}

/// Up to clipping, for which it sums the squares.
void Updater::prepare(Range& range, std::size_t batches) const {
  Trained& one = *range.tensor;
  Stopwatch watch;
  watch.start(profile, one.name);
  const std::span<float> gradient = one.gradient.subspan(range.begin, range.length);
  if (collecting_) {
    std::copy_n(one.collected.data() + range.begin, range.length, gradient.data());
    std::fill_n(one.collected.data() + range.begin, range.length, 0.0f);
  }
  if (batches > 1) scale(gradient.data(), 1.0f / static_cast<float>(batches), range.length);
  range.penalty = 0.0;
  if (one.tuning) {
    const Tuning& tuning = *one.tuning;
    range.penalty =
        add_penalty(one.bias() ? tuning.bias_l1 : tuning.l1, one.bias() ? tuning.bias_l2 : tuning.l2,
                    one.weights.subspan(range.begin, range.length), gradient);
    if (tuning.gradient_scale != 1.0)
      scale(gradient.data(), static_cast<float>(tuning.gradient_scale), range.length);
  }
  range.squares = sum_of_squares(gradient.data(), range.length);
  watch.lap("gradient norm");
}

/// Its step, with what is tuned for the layer.
static UpdateStep of_layer(UpdateStep step, const Tuning* tuning) {
  if (tuning) {
    step.rate *= tuning->learning_rate_scale;
    step.momentum = tuning->momentum;
  }
  return step;
}

std::vector<float*> Updater::slots_at(Trained& one, std::size_t begin) {
  std::vector<float*> slots;
  for (std::vector<float>& slot : one.slots) slots.push_back(slot.data() + begin);
  return slots;
}

Updater::Done Updater::update(const UpdateStep& step, std::size_t batches) {
  parallel_each(ranges_.size(), [&](std::size_t i) { prepare(ranges_[i], batches); });
  collecting_ = false;

  const auto still = [&](const Trained& one) { return one.tuning && one.tuning->frozen_in(step.epoch); };
  Done done;
  double all = 0.0;
  std::vector<double> norms(tensors_.size(), 0.0);
  for (const Range& range : ranges_) {
    if (still(*range.tensor)) continue;
    norms[static_cast<std::size_t>(range.tensor - tensors_.data())] += range.squares;
    done.penalty += range.penalty;
  }
  for (std::size_t i = tensors_.size(); i-- > 0;) {  // the last layer first: the others follow from it
    if (!std::isfinite(norms[i]))
      throw NotFinite(fmt::format("the gradient of update {} is not finite in the layer '{}' ({})",
                                  step.t + 1, layer_of(tensors_[i].name), tensors_[i].name));
    all += norms[i];
    norms[i] = std::sqrt(norms[i]);
  }
  done.norm = std::sqrt(all);

  parallel_each(ranges_.size(), [&](std::size_t i) {
    const Range& range = ranges_[i];
    Trained& one = *range.tensor;
    if (still(one)) return;
    Stopwatch watch;
    watch.start(profile, one.name);
    const std::span<float> gradient = one.gradient.subspan(range.begin, range.length);
    const double length =
        clipping_.global ? done.norm : norms[static_cast<std::size_t>(&one - tensors_.data())];
    const double limit = clipping_.global.value_or(clipping_.norm.value_or(HUGE_VAL));
    if (length > limit) scale(gradient.data(), static_cast<float>(limit / length), range.length);
    if (clipping_.value)
      for (float& g : gradient)
        g = std::clamp(g, static_cast<float>(-*clipping_.value), static_cast<float>(*clipping_.value));
    if (one.matrix) return;
    optimizer_->update(one.weights.subspan(range.begin, range.length), gradient, slots_at(one, range.begin),
                       of_layer(step, one.tuning));
    watch.lap("update");
  });
  parallel_each(tensors_.size(), [&](std::size_t i) {
    if (tensors_[i].matrix && !still(tensors_[i])) update_matrix(tensors_[i], step);
  });
  constrain_all(step.epoch);
  return done;
}

void Updater::update_matrix(Trained& one, const UpdateStep& step) const {
  Stopwatch watch;
  watch.start(profile, one.name);
  MatrixUpdate matrix{one.weights, one.gradient, {}, static_cast<std::size_t>(one.dims[0]), 1, {}, {}};
  for (std::size_t i = 1; i < one.dims.size(); ++i) matrix.columns *= static_cast<std::size_t>(one.dims[i]);
  matrix.row_major = [&](std::span<const float> values) { return one.parameter->row_major(values.data()); };
  matrix.lay_out = [&](std::span<const float> values, std::span<float> laid_out) {
    one.parameter->lay_out(values, laid_out.data());
  };
  const std::vector<float*> slots = slots_at(one, 0);
  matrix.slots = slots;
  optimizer_->update_matrix(matrix, of_layer(step, one.tuning));
  watch.lap("update");
}

/// Row by row: in row-major order, whatever the layout.
void Updater::constrain_all(std::uint64_t epoch) {
  for (Trained& one : tensors_) {
    if (!one.tuning || !one.tuning->constrains() || one.tuning->frozen_in(epoch) || one.bias()) continue;
    std::vector<float> rows = one.parameter ? one.parameter->row_major(one.weights.data())
                                            : std::vector<float>(one.weights.begin(), one.weights.end());
    // The weights into one output: a row; all of a distance's; each of a batch_norm's.
    const std::size_t width = one.dims.size() > 1 ? rows.size() / static_cast<std::size_t>(one.dims[0])
                              : one.parameter     ? 1
                                                  : rows.size();
    constrain(*one.tuning, rows, width);
    if (one.parameter)
      one.parameter->lay_out(rows, one.weights.data());
    else
      std::copy(rows.begin(), rows.end(), one.weights.begin());
  }
}

std::size_t Updater::bytes() const {
  std::size_t sum = 0;
  for (const Trained& one : tensors_)
    for (const std::vector<float>& slot : one.slots) sum += slot.size() * sizeof(float);
  return sum;
}

bool Updater::frozen(const std::string& layer, std::uint64_t epoch) const {
  return std::any_of(tensors_.begin(), tensors_.end(), [&](const Trained& one) {
    return one.tuning && one.tuning->frozen_in(epoch) && layer_of(one.name) == layer;
  });
}

template <class AnyTrained, class Visit>
void Updater::each_saved(AnyTrained& one, const Visit& visit) const {
  if (!one.parameter) visit(one.name, one.weights);
  for (std::size_t slot = 0; slot < one.slots.size(); ++slot)
    visit(fmt::format("optimizer.{}.{}", slot, one.name), std::span(one.slots[slot]));
  if (collecting_) visit("collected." + one.name, std::span(one.collected));
}

void Updater::save(State& state) const {
  state.values["optimizer"] = optimizer_->type;
  state.values["collecting"] = collecting_;
  for (const Trained& one : tensors_)
    each_saved(one, [&](const std::string& name, std::span<const float> values) {
      state.tensors[name] = {one.dims, one.parameter ? one.parameter->row_major(values.data())
                                                     : std::vector<float>(values.begin(), values.end())};
    });
}

void Updater::add_to(StableHash& hash) const {
  hash.add(std::uint64_t{collecting_});
  for (const Trained& one : tensors_)
    each_saved(one, [&](const std::string&, std::span<const float> values) { hash.add(values); });
}

void Updater::restore(const State& state) {
  if (const auto& type = state.value<std::string>("optimizer"); type != optimizer_->type)
    throw Error(
        fmt::format("the state was saved with the optimizer {}, the graph says {}", type, optimizer_->type));
  collecting_ = state.value<bool>("collecting");
  for (Trained& one : tensors_) {
    if (collecting_) one.collected.resize(one.gradient.size());
    each_saved(one, [&](const std::string& name, std::span<float> values) {
      twin::restore(values, one.parameter, state, name);
    });
  }
}

}  // namespace twinflow::twin
