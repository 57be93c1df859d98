#include "trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "batch_figures.h"
#include "collapse.h"
#include "finite.h"
#include "parameter.h"
#include "summary.h"
#include "twinflow/error.h"
#include "twinflow/hash.h"

namespace twinflow::twin {
namespace {

/// The images of the largest part.
std::size_t largest(const std::vector<std::size_t>& parts) {
  std::size_t most = 0;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) most = std::max(most, parts[i + 1] - parts[i]);
  return most;
}

/// What a loss gives may come from a plugin, and indexes embeddings and labels. Throws Error.
void require_pairs(const Loss& loss, const Labels& labels, std::span<const IndexPair> pairs,
                   std::size_t images) {
  const auto wrong = [&](const std::string& what) {
    throw Error(fmt::format("the loss '{}' is wrong: {}", loss.type, what));
  };
  if (labels.pairs() && pairs.size() != labels.same.size())
    wrong(fmt::format("it asks for {} pairs of a batch of {}", pairs.size(), labels.same.size()));
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].a >= images || pairs[i].b >= images)
      wrong(fmt::format("it asks for the pair of images {} and {} of a batch of {}", pairs[i].a, pairs[i].b,
                        images));
    if (labels.pairs() && (pairs[i].a != i || pairs[i].b != i + labels.same.size()))
      wrong(fmt::format("it asks for images {} and {} as pair {}, which is {} and {}", pairs[i].a, pairs[i].b,
                        i, i, i + labels.same.size()));
  }
}

}  // namespace

Trainer::Trainer(Recipe recipe, Shape image, const Streams& random, std::optional<Shares> shares)
    : recipe_(std::move(recipe)),
      network_(recipe_.layers, image, recipe_.precision, Mode::training, recipe_.shard) {
  shares_ = std::move(shares);
  network_.initialise(random);
  distance_weights_.resize(recipe_.distance->weight_count(network_.embedding_size()));
  distance_gradient_.resize(distance_weights_.size());
  Random numbers = random("distance.weight", 0, 0);
  recipe_.distance->initialise(distance_weights_, numbers);

  std::vector<Updater::Tensor> tensors;
  for (const Network::Stored& one : network_.stored())
    if (!one.gradient.empty())
      tensors.push_back({one.parameter->name, one.parameter, one.weights, one.gradient, one.parameter->dims});
  if (!distance_weights_.empty())
    tensors.push_back({"distance.weight",
                       nullptr,
                       distance_weights_,
                       distance_gradient_,
                       {static_cast<std::int64_t>(distance_weights_.size())}});
  if (recipe_.proxies) {
    Random drawn = random("proxies.weight", 0, 0);
    proxies_.emplace(*recipe_.proxies, recipe_.classes, network_.embedding_size(), drawn);

    tensors.push_back({"proxies.weight",
                       nullptr,
                       proxies_->weights,
                       proxies_->gradient,
                       {static_cast<std::int64_t>(proxies_->classes()),
                        static_cast<std::int64_t>(network_.embedding_size())}});
  }
  updater_.emplace(std::move(tensors), recipe_.optimizer, recipe_.tunings, recipe_.clipping);
  if (recipe_.average) average_.emplace(network_, distance_weights_, *recipe_.average);
}

Trainer::Outcome Trainer::step(const Images& images, const Labels& labels, double rate_factor) {
  if (proxies_)
    for (const std::int32_t id : labels.classes)
      if (id < 0 || static_cast<std::size_t>(id) >= proxies_->classes())
        throw Error(fmt::format("an image's class is {}, not one of the {} that the first batch told of", id,
                                proxies_->classes()));
  whole_ = images_of(labels);
  parts_ = parts_of(whole_);
  if (images.count != parts_.back() - parts_.front())
    throw Error(fmt::format("{} images are given of a batch of {}, where {} are expected", images.count,
                            whole_, parts_.back() - parts_.front()));
  const Embeddings& embeddings = forward(images);
  Embeddings gradient(embeddings.count, embeddings.size);
  Outcome outcome = judge(embeddings, labels, gradient);
  for (const double loss : {outcome.loss, outcome.proxy_loss.value_or(0.0)})
    if (!std::isfinite(loss)) explain_loss(loss, images);
  backward(images, gradient);
  if (shares_) outcome.waited = shares_->waited();

  const Moment now{made_, std::max<std::uint64_t>(recipe_.batches / recipe_.accumulate, 1),
                   static_cast<double>(recipe_.batches_per_epoch) / static_cast<double>(recipe_.accumulate)};
  outcome.rate = recipe_.optimizer->learning_rate * recipe_.schedule->factor(now) * rate_factor;
  if (!std::isfinite(outcome.rate) || outcome.rate < 0)
    throw Error(fmt::format("the schedule '{}' gives update {} the learning rate {}", recipe_.schedule->type,
                            made_ + 1, outcome.rate));
  const std::uint64_t epoch = batches() / recipe_.batches_per_epoch;
  if (++collected_ == recipe_.accumulate) outcome.update = update(outcome.rate, epoch);
  network_.keep_statistics([&](const std::string& layer) { return !updater_->frozen(layer, epoch); });
  if (average_ && outcome.update) average_->update(made_ - 1);
  return outcome;
}

Trainer::Outcome Trainer::judge(const Embeddings& embeddings, const Labels& labels,
                                Embeddings& embedding_gradient) {
  Stopwatch watch;
  watch.start(profile_, "loss");
  const std::vector<IndexPair> pairs = recipe_.loss->pairs(labels);
  require_pairs(*recipe_.loss, labels, pairs, embeddings.count);
  std::vector<float> distances(pairs.size()), gradient(pairs.size());
  recipe_.distance->forward(embeddings, pairs, distance_weights_, distances);

  Outcome outcome;
  outcome.loss = recipe_.loss->value(labels, pairs, distances, gradient);
  if (proxies_) outcome.proxy_loss = 0.0;
  BatchFigures figures;
  if (std::isfinite(outcome.loss)) {
    figures = figures_of(labels, pairs, distances, recipe_.loss->threshold());
    outcome.collapsed = all_alike(embeddings);
    std::fill(distance_gradient_.begin(), distance_gradient_.end(), 0.0f);
    recipe_.distance->backward(embeddings, pairs, distance_weights_, distances, gradient, embedding_gradient,
                               distance_gradient_);
    if (proxies_) {
      std::fill(proxies_->gradient.begin(), proxies_->gradient.end(), 0.0f);
      outcome.proxy_loss = proxies_->add_to(embedding_gradient, embeddings, labels.classes);
    }
  }
  watch.lap("distances and loss");
  Shares::Figures all{outcome.loss,     outcome.proxy_loss.value_or(0.0), figures.same, figures.different,
                      figures.accuracy, outcome.collapsed ? 1.0 : 0.0};
  if (shares_) shares_->mean(all);
  outcome.loss = all[0];
  if (proxies_) outcome.proxy_loss = all[1];
  outcome.same = all[2];
  outcome.different = all[3];
  outcome.accuracy = all[4];
  outcome.collapsed = all[5] == 1.0;
  return outcome;
}

std::vector<std::string> Trainer::summary(std::size_t images, int threads) {
  const std::size_t at_once = largest(parts_of(images));
  network_.plan(at_once);
  return twin::summary(network_, numbers_text(recipe_.layers, network_.image(), *recipe_.distance),
                       updater_->bytes(), at_once, threads);
}

void Trainer::profile(Profile told) {
  profile_ = told;
  updater_->profile = told;
  network_.profile(std::move(told));
}

const Embeddings& Trainer::forward(const Images& images) {
  if (parts_.size() == 2 && !shares_) return network_.forward(images, pass(0, false));
  embeddings_ = Embeddings(whole_, network_.embedding_size());
  for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
    const Embeddings& some = network_.forward(images, pass(i, false));
    std::copy_n(some.values.data(), some.values.size(), embeddings_.row(parts_[i]));
    if (shares_) shares_->note(network_.noted());
  }
  if (shares_) shares_->exchange(embeddings_, network_.noted());
  return embeddings_;
}

void Trainer::backward(const Images& images, const Embeddings& gradient) {
  if (parts_.size() == 2 && !shares_) {
    network_.backward(gradient);
    if (recipe_.accumulate > 1) updater_->collect();
    return;
  }
  for (std::size_t i = 0; i + 1 < parts_.size(); ++i) {
    if (parts_.size() > 2) network_.forward(images, pass(i, true));
    Embeddings some(parts_[i + 1] - parts_[i], gradient.size);
    std::copy_n(gradient.row(parts_[i]), some.values.size(), some.values.data());
    if (shares_) {
      network_.backward(some,
                        [&](std::vector<std::span<float>> whole) { shares_->add(i, std::move(whole)); });
      continue;
    }
    network_.backward(some);
    updater_->collect();
    // These are of the whole batch: they count once.
    std::fill(distance_gradient_.begin(), distance_gradient_.end(), 0.0f);
    if (proxies_) std::fill(proxies_->gradient.begin(), proxies_->gradient.end(), 0.0f);
  }
  if (!shares_) return;
  if (batches_per_step() > 1) {  // of a batch that is shared, each rank has the whole gradient
    std::vector<std::span<float>> own{distance_gradient_};
    if (proxies_) own.emplace_back(proxies_->gradient);
    shares_->add(0, std::move(own));
  }
  shares_->wait();
  if (recipe_.accumulate > 1) updater_->collect();
}

/// Of a batch of so many images, those that go through the network here.
std::vector<std::size_t> Trainer::parts_of(std::size_t images) const {
  if (!shares_) return network_.parts(images, recipe_.micro_batch);
  std::vector<std::size_t> shares = shares_->own(images);
  if (const std::size_t most = largest(shares); most > recipe_.micro_batch)
    throw Error(fmt::format("{} has {} images, more than micro_batch = {}: {}, or take a larger micro_batch",
                            batches_per_step() > 1 ? "the batch of a rank" : "a share of the batch", most,
                            recipe_.micro_batch,
                            batches_per_step() > 1 ? "make smaller batches" : "cut it into more shares"));
  return shares;
}

Pass Trainer::pass(std::size_t part, bool again) const {
  const std::uint64_t batch = batches() * batches_per_step() + (shares_ ? shares_->batch() : 0);
  return {batch,          parts_[part], parts_[part + 1] - parts_[part], again, shares_.has_value(),
          parts_.front(), whole_};
}

void Trainer::explain_loss(double loss, const Images& images) {
  std::string where = all_finite(images.pixels) ? "" : "the images";
  for (std::size_t i = 0; i + 1 < parts_.size() && where.empty(); ++i)
    if (where = network_.not_finite(images, pass(i, true)); !where.empty()) where = "the layer " + where;
  throw NotFinite(fmt::format("the loss of update {} is not a finite number ({}){}", made_ + 1, loss,
                              where.empty() ? "" : fmt::format("; the first such numbers are in {}", where)));
}

Updater::Done Trainer::update(double rate, std::uint64_t epoch) {
  const Updater::Done done =
      updater_->update({made_, rate, epoch, {}}, recipe_.accumulate * batches_per_step());
  network_.weights_changed();
  collected_ = 0;
  ++made_;
  return done;
}

WeightsMatch Trainer::start_from(const NamedTensors& file, const std::string& file_name) {
  NamedTensors mine = network_.weights();
  if (!distance_weights_.empty())
    mine.tensors["distance.weight"] = {{static_cast<std::int64_t>(distance_weights_.size())},
                                       distance_weights_};
  WeightsMatch match = load_matching(mine, file, file_name);
  std::vector<std::string> begin_anew = match.fresh;
  for (const WeightsMatch::OtherShape& one : match.other_shape) begin_anew.push_back(one.name);
  for (const std::string& name : begin_anew)
    if (const std::string layer = layer_of(name);
        updater_->frozen(layer, 0) && updater_->frozen(layer, UINT64_MAX))
      throw Error(
          fmt::format("the layer '{}' is frozen, but {} has no weights that fit it", layer, file_name));
  network_.load(mine);
  if (!distance_weights_.empty()) {
    const std::vector<float>& found = mine.tensors.at("distance.weight").values;
    std::copy(found.begin(), found.end(), distance_weights_.begin());  // in place: the updater knows where
  }
  if (average_) average_.emplace(network_, distance_weights_, *recipe_.average);
  return match;
}

void Trainer::compare_ranks() {
  if (!shares_) return;
  StableHash weights, distance, proxies, optimizer, average, counters;
  for (const Network::Stored& one : network_.stored()) weights.add(one.weights);
  distance.add(distance_weights_);
  if (proxies_) proxies.add(proxies_->weights);
  updater_->add_to(optimizer);
  if (average_) average_->add_to(average);
  counters.add(made_);
  counters.add(collected_);
  shares_->require_same({weights.value(), distance.value(), proxies.value(), optimizer.value(),
                         average.value(), counters.value()});
}

NamedTensors Trainer::weights() const { return average_ ? average_->tensors() : network_.weights(); }

State Trainer::save() const {
  State state;
  state.tensors = network_.weights().tensors;
  updater_->save(state);
  if (average_) average_->save(state);
  state.values["updates"] = static_cast<std::int64_t>(made_);
  state.values["collected"] = static_cast<std::int64_t>(collected_);
  return state;
}

void Trainer::restore(const State& state) {
  updater_->restore(state);
  network_.load({state.tensors, {}});
  if (average_) average_->restore(state);
  made_ = static_cast<std::uint64_t>(state.value<std::int64_t>("updates"));
  collected_ = static_cast<std::size_t>(state.value<std::int64_t>("collected"));
}

}  // namespace twinflow::twin
