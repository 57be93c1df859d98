#include "trainer.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "loops.h"
#include "parameter.h"
#include "twinflow/error.h"

namespace twinflow::twin {

Trainer::Trainer(Recipe recipe, Shape image, const Streams& random)
    : recipe_(std::move(recipe)),
      network_(recipe_.layers, image, recipe_.precision, Mode::training, recipe_.shard) {
  network_.initialise(random);
  distance_weights_.resize(recipe_.distance->weight_count(network_.embedding_size()));
  distance_gradient_.resize(distance_weights_.size());
  Random numbers = random("distance.weight", 0, 0);
  recipe_.distance->initialise(distance_weights_, numbers);

  for (const Network::Trained& one : network_.trained())
    trained_.push_back({one.name, one.parameter, one.weights, one.gradient, {}});
  if (!distance_weights_.empty())
    trained_.push_back({"distance.weight", nullptr, distance_weights_, distance_gradient_, {}});
  for (Trained& one : trained_)
    one.slots.assign(recipe_.optimizer->slots(), std::vector<float>(one.weights.size(), 0.0f));
}

Trainer::Outcome Trainer::step(const Images& images, const Labels& labels) {
  const Embeddings& embeddings = network_.forward(images, {made_, 0});
  Stopwatch watch;
  watch.start(profile_, "loss");
  const std::vector<IndexPair> pairs = recipe_.loss->pairs(labels);
  std::vector<float> distances(pairs.size()), gradient(pairs.size());
  recipe_.distance->forward(embeddings, pairs, distance_weights_, distances);

  Outcome outcome;
  outcome.loss = recipe_.loss->value(labels, pairs, distances, gradient);
  if (!std::isfinite(outcome.loss))
    throw Error("the loss of update " + std::to_string(made_ + 1) + " is not a finite number (" +
                std::to_string(outcome.loss) + "); a smaller learning_rate may help");
  std::size_t same = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const bool alike = labels.same_class(i, pairs[i]);
    same += alike;
    (alike ? outcome.same : outcome.different) += distances[i];
  }
  outcome.same /= static_cast<double>(std::max<std::size_t>(same, 1));
  outcome.different /= static_cast<double>(std::max<std::size_t>(pairs.size() - same, 1));

  Embeddings embedding_gradient(embeddings.count, embeddings.size);
  std::fill(distance_gradient_.begin(), distance_gradient_.end(), 0.0f);
  recipe_.distance->backward(embeddings, pairs, distance_weights_, distances, gradient, embedding_gradient,
                             distance_gradient_);
  watch.lap("distances and loss");
  network_.backward(embedding_gradient);

  outcome.rate = recipe_.optimizer->learning_rate *
                 recipe_.schedule->factor({made_, recipe_.updates, recipe_.updates_per_epoch});
  update(outcome.rate);
  return outcome;
}

void Trainer::profile(Profile told) {
  profile_ = told;
  network_.profile(std::move(told));
}

namespace {

std::string slot_name(std::size_t slot, const std::string& name) {
  return "optimizer." + std::to_string(slot) + "." + name;
}

}  // namespace

State Trainer::save() const {
  State state;
  state.tensors = network_.weights().tensors;
  const auto keep = [&](const std::string& name, const Trained& one, std::span<const float> values) {
    if (one.parameter)
      state.tensors[name] = {one.parameter->dims, one.parameter->row_major(values.data())};
    else
      state.tensors[name] = {{static_cast<std::int64_t>(values.size())}, {values.begin(), values.end()}};
  };
  for (const Trained& one : trained_) {
    if (!one.parameter) keep(one.name, one, one.weights);
    for (std::size_t slot = 0; slot < one.slots.size(); ++slot)
      keep(slot_name(slot, one.name), one, one.slots[slot]);
  }
  state.values["optimizer"] = recipe_.optimizer->type;
  state.values["updates"] = static_cast<std::int64_t>(made_);
  return state;
}

void Trainer::restore(const State& state) {
  if (const auto& type = state.value<std::string>("optimizer"); type != recipe_.optimizer->type)
    throw Error("the state was saved with the optimizer " + type + ", the graph says " +
                recipe_.optimizer->type);
  network_.load({state.tensors, {}});
  const auto fetch = [&](const std::string& name, const Trained& one, std::span<float> values) {
    const Tensor& tensor = state.tensor(name);
    const std::size_t expected = one.parameter ? one.parameter->logical() : values.size();
    if (tensor.values.size() != expected)
      throw Error("the saved tensor '" + name + "' has " + std::to_string(tensor.values.size()) +
                  " values, but here it has " + std::to_string(expected));
    if (one.parameter)
      one.parameter->lay_out(tensor.values, values.data());
    else
      std::copy(tensor.values.begin(), tensor.values.end(), values.begin());
  };
  for (Trained& one : trained_) {
    if (!one.parameter) fetch(one.name, one, one.weights);
    for (std::size_t slot = 0; slot < one.slots.size(); ++slot)
      fetch(slot_name(slot, one.name), one, one.slots[slot]);
  }
  made_ = static_cast<std::uint64_t>(state.value<std::int64_t>("updates"));
}

void Trainer::update(double rate) {
  struct Range {
    Trained* tensor;
    std::size_t begin, length;
  };
  constexpr std::size_t length = 16384;
  std::vector<Range> ranges;
  for (Trained& one : trained_)
    for (std::size_t at = 0; at < one.weights.size(); at += length)
      ranges.push_back({&one, at, std::min(length, one.weights.size() - at)});
  parallel_each(ranges.size(), [&](std::size_t i) {
    const Range& range = ranges[i];
    Stopwatch watch;
    watch.start(profile_, range.tensor->name);
    std::vector<float*> slots;
    for (std::vector<float>& slot : range.tensor->slots) slots.push_back(slot.data() + range.begin);
    recipe_.optimizer->update(range.tensor->weights.subspan(range.begin, range.length),
                              range.tensor->gradient.subspan(range.begin, range.length), slots,
                              {made_, rate, made_ / recipe_.updates_per_epoch, {}});
    watch.lap("update");
  });
  ++made_;
  network_.weights_changed();
}

}  // namespace twinflow::twin
