#include "class_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "require.h"
#include "twinflow/pattern.h"

namespace twinflow::sample {
namespace {

std::string full_name(const Dataset& data, const Dataset::Class& one) {
  return data.groups[one.group] + "/" + one.name;
}

std::vector<double> weights_of(const Dataset& data, const std::vector<ClassWeight>& given) {
  if (given.empty()) return {};
  std::vector<double> weights(data.classes.size(), 1.0);
  std::vector<const ClassWeight*> said(data.classes.size());
  for (const ClassWeight& one : given) {
    const Pattern pattern(one.classes);
    bool fits = false;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const std::string name = full_name(data, data.classes[i]);
      if (!pattern.matches(name)) continue;
      if (said[i])
        throw Error(fmt::format("two patterns of class_weights, '{}' and '{}', fit the class '{}'",
                                said[i]->classes, one.classes, name));
      said[i] = &one;
      weights[i] = one.weight;
      fits = true;
    }
    if (!fits)
      throw Error(fmt::format("the pattern '{}' of class_weights fits no class; there are such as '{}'",
                              one.classes,
                              data.classes.empty() ? "" : full_name(data, data.classes.front())));
  }
  return weights;
}

}  // namespace

void ClassWeight::describe(TableSpec<ClassWeight>& spec) {
  spec.param("classes", &ClassWeight::classes)
      .required()
      .doc("regular expression for the whole name GROUP/CLASS");
  spec.param("weight", &ClassWeight::weight)
      .required()
      .range(0, 1e6)
      .doc("how much likelier than with 1 these classes are; 0: never drawn");
  spec.check(&ClassWeight::check);
}

void ClassWeight::check(const Checking& checking) const {
  try {
    Pattern{classes};
  } catch (const Error& error) {
    checking.error("classes", error.what());
  }
}

ClassChoice::ClassChoice(const Dataset& data, bool rotations, const std::vector<ClassWeight>& weights)
    : data_(&data), turns_(rotations ? 4 : 1), weights_(weights_of(data, weights)) {
  if (rotations) require_square(data, "rotations");
  for (std::size_t group = 0; group < data.groups.size(); ++group) groups_.emplace_back();
  for (std::size_t i = 0; i < data.classes.size(); ++i) {
    if (!weights_.empty() && weights_[i] == 0) continue;
    all_.push_back(i);
    groups_[data.classes[i].group].push_back(i);
  }
  std::erase_if(groups_, [](const auto& group) { return group.empty(); });
}

/// With weights, a race: every class arrives after an exponentially distributed time of its weight's rate,
/// and the first `count` are taken (Efraimidis & Spirakis 2006, "Weighted random sampling with a reservoir").
std::vector<std::size_t> ClassChoice::choose(const std::vector<std::size_t>& from, std::size_t count,
                                             Random& random) const {
  const std::size_t present = from.size() * turns_;
  std::vector<std::size_t> chosen;
  if (weights_.empty()) {
    for (const std::size_t place : random.choose(present, count)) chosen.push_back(number(from, place));
    return chosen;
  }
  if (count > present) throw Error(fmt::format("cannot choose {} classes of {}", count, present));
  std::vector<std::pair<double, std::size_t>> arrivals(present);
  for (std::size_t place = 0; place < present; ++place)
    arrivals[place] = {-std::log1p(-random.uniform()) / weights_[from[place / turns_]], number(from, place)};
  const auto end = arrivals.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(arrivals.begin(), end, arrivals.end());
  for (auto one = arrivals.begin(); one != end; ++one) chosen.push_back(one->second);
  return chosen;
}

std::size_t ClassChoice::other(std::size_t left, const std::vector<std::size_t>& from, Random& random) const {
  if (!weights_.empty()) return weighted_other(left, from, random);
  // The last candidate takes the place of `left`, so that all others are equally likely.
  const std::size_t last = from.size() * turns_ - 1, drawn = number(from, random.below(last));
  return drawn == left ? number(from, last) : drawn;
}

/// By a walk over the weights: one number for a pair, where a race would draw one for every class.
std::size_t ClassChoice::weighted_other(std::size_t left, const std::vector<std::size_t>& from,
                                        Random& random) const {
  const auto turns_left = [&](std::size_t one) { return one == left / turns_ ? turns_ - 1 : turns_; };
  const auto weight = [&](std::size_t one) { return weights_[one] * static_cast<double>(turns_left(one)); };
  double sum = 0;
  for (const std::size_t one : from) sum += weight(one);
  double until = random.uniform() * sum;
  std::size_t chosen = from.front();
  for (const std::size_t one : from) {
    if (weight(one) == 0) continue;
    chosen = one;
    until -= weight(one);
    if (until < 0) break;
  }
  const std::size_t turn = random.below(turns_left(chosen));
  const bool behind = chosen == left / turns_ && turn >= left % turns_;
  return chosen * turns_ + turn + (behind ? 1 : 0);
}

std::vector<Shot> ClassChoice::images(std::size_t number, std::size_t count, Random& random) const {
  const std::vector<std::size_t>& images = data_->classes[number / turns_].images;
  std::vector<Shot> shots;
  for (const std::size_t sample : random.choose(images.size(), count))
    shots.push_back({images[sample], static_cast<int>(number % turns_)});
  return shots;
}

ImageBatch sample_by_sample(const std::shared_ptr<const PixelStore>& store, const ClassChoice& choice,
                            const std::vector<std::size_t>& numbers, std::size_t samples, Random& random) {
  ImageBatch batch;
  batch.classes.resize(numbers.size() * samples);
  std::vector<Shot> shots(batch.classes.size());
  for (std::size_t p = 0; p < numbers.size(); ++p) {
    const std::vector<Shot> drawn = choice.images(numbers[p], samples, random);
    for (std::size_t s = 0; s < samples; ++s) {
      shots[s * numbers.size() + p] = drawn[s];
      batch.classes[s * numbers.size() + p] = static_cast<std::int32_t>(numbers[p]);
    }
  }
  batch.images = Images(store, std::move(shots));
  batch.class_count = choice.count();
  return batch;
}

}  // namespace twinflow::sample
