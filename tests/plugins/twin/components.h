#pragma once

#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph_file.h"
#include "twinflow/error.h"
#include "twinflow/spec.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/loss.h"
#include "twinflow/twin/optimizer.h"
#include "twinflow/twin/schedule.h"

/// What the tests of distances, losses, optimisers and schedules share.
namespace twinflow::twin {

/// A component as a graph file makes it: `type = "cosine"` and its parameters, one a line. Throws Error with
/// the problems.
template <class Base>
std::shared_ptr<const Base> component(const std::string& toml) {
  Problems problems;
  const Value value = parse_toml(toml, "component.toml", "", problems);
  std::shared_ptr<const Base> made;
  ParamType<std::shared_ptr<const Base>>::read(value, made, problems);
  if (!problems.empty()) throw Error(problems.str());
  return made;
}

/// The only message of the problems that the TOML makes.
template <class Base>
std::string problem_of(const std::string& toml) {
  Problems problems;
  const Value value = parse_toml(toml, "component.toml", "", problems);
  std::shared_ptr<const Base> made;
  ParamType<std::shared_ptr<const Base>>::read(value, made, problems);
  return problems.size() == 1 ? problems.list()[0].message : std::to_string(problems.size()) + " problems";
}

/// PyTorch's results, written by losses_reference.py.
inline const nlohmann::json& reference() {
  static const nlohmann::json read = [] {
    std::ifstream file(TWINFLOW_SOURCE_DIR "/tests/plugins/twin/losses_reference.json");
    return nlohmann::json::parse(file);
  }();
  return read;
}

inline std::vector<float> floats(const nlohmann::json& list) { return list.get<std::vector<float>>(); }

/// Every number within `tolerance`, relative to the larger of 1 and the size of the one expected.
template <class Number>
void check_close(const std::vector<Number>& found, const std::vector<Number>& expected, double tolerance) {
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    const double scale = std::max(1.0, std::abs(static_cast<double>(expected[i])));
    CHECK(std::abs(static_cast<double>(found[i]) - static_cast<double>(expected[i])) <= tolerance * scale);
  }
}

inline Embeddings rows(const std::vector<std::vector<float>>& values) {
  Embeddings e(values.size(), values.at(0).size());
  for (std::size_t i = 0; i < e.count; ++i) std::copy(values[i].begin(), values[i].end(), e.row(i));
  return e;
}

inline std::vector<float> distances(const Distance& distance, const Embeddings& e,
                                    const std::vector<IndexPair>& pairs,
                                    const std::vector<float>& weights = {}) {
  std::vector<float> d(pairs.size());
  distance.forward(e, pairs, weights, d);
  return d;
}

struct DistanceGradients {
  Embeddings e;
  std::vector<float> weights;
};
inline DistanceGradients gradients(const Distance& distance, const Embeddings& e,
                                   const std::vector<IndexPair>& pairs, const std::vector<float>& upstream,
                                   const std::vector<float>& weights = {}) {
  DistanceGradients made{Embeddings(e.count, e.size), std::vector<float>(weights.size())};
  distance.backward(e, pairs, weights, distances(distance, e, pairs, weights), upstream, made.e,
                    made.weights);
  return made;
}

/// What every distance must hold: PyTorch's values and gradients, gradients that agree with finite
/// differences, the same bits when the inputs are swapped, and results that are added to what was there.
inline void check_distance(const std::string& type) {
  const auto distance = component<Distance>("type = \"" + type + "\"");
  CHECK(distance->type == type);
  const auto& data = reference()["distances"];
  Embeddings e(data["count"], data["size"]);
  e.values = floats(data["values"]);
  std::vector<float> weights = floats(data["weights"]);
  weights.resize(distance->weight_count(e.size));
  std::vector<IndexPair> pairs, swapped;
  for (const auto& pair : data["pairs"]) {
    pairs.push_back({pair[0], pair[1]});
    swapped.push_back({pair[1], pair[0]});
  }
  const std::vector<float> upstream = floats(data["upstream"]);
  const auto& expected = data["kinds"][type];

  // f32 against f64: sums of 70 terms of size 1, and gradients that are sums of 5 of them.
  const std::vector<float> d = distances(*distance, e, pairs, weights);
  check_close(d, floats(expected["d"]), 2e-6);
  const DistanceGradients found = gradients(*distance, e, pairs, upstream, weights);
  check_close(found.e.values, floats(expected["gradient_e"]), 5e-6);
  check_close(found.weights, floats(expected["gradient_weights"]), 5e-6);

  CHECK(distances(*distance, e, swapped, weights) == d);
  CHECK(gradients(*distance, e, swapped, upstream, weights).e.values == found.e.values);

  tbb::global_control allowed(tbb::global_control::max_allowed_parallelism, 4);
  for (const int threads : {1, 4}) {
    tbb::task_arena arena(threads);
    arena.execute([&] {
      CHECK(distances(*distance, e, pairs, weights) == d);
      const DistanceGradients again = gradients(*distance, e, pairs, upstream, weights);
      CHECK(again.e.values == found.e.values);
      CHECK(again.weights == found.weights);
    });
  }

  DistanceGradients twice = found;
  distance->backward(e, pairs, weights, d, upstream, twice.e, twice.weights);
  for (std::size_t i = 0; i < twice.e.values.size(); ++i)
    CHECK(twice.e.values[i] == doctest::Approx(2.0f * found.e.values[i]).epsilon(1e-4).scale(1.0));
  for (std::size_t i = 0; i < twice.weights.size(); ++i)
    CHECK(twice.weights[i] == doctest::Approx(2.0f * found.weights[i]).epsilon(1e-4).scale(1.0));

  // Central differences of L = sum upstream d. L is up to about 300, which f32 distances round by about 1e-5;
  // a step of h = 1/128 (exact in f32) makes that 1e-3 of slope. |x| has kinks: a number with another row's
  // within h is left out.
  const float h = 1.0f / 128.0f;
  const auto total = [&] {
    double sum = 0.0;
    const std::vector<float> now = distances(*distance, e, pairs, weights);
    for (std::size_t i = 0; i < now.size(); ++i)
      sum += static_cast<double>(upstream[i]) * static_cast<double>(now[i]);
    return sum;
  };
  const auto slope = [&](float& x) {
    const float was = x;
    x = was + h;
    const double above = total();
    x = was - h;
    const double below = total();
    x = was;
    return (above - below) / (2.0 * static_cast<double>(h));
  };
  std::size_t looked_at = 0;
  for (std::size_t i = 0; i < e.values.size(); ++i) {
    bool kink = false;
    for (std::size_t other = i % e.size; other < e.values.size(); other += e.size)
      kink |= other != i && std::abs(e.values[other] - e.values[i]) <= h;
    if (kink) continue;
    ++looked_at;
    CAPTURE(i);
    CHECK(std::abs(slope(e.values[i]) - static_cast<double>(found.e.values[i])) < 5e-3);
  }
  CHECK(looked_at > 350);  // of 420
  for (std::size_t i = 0; i < weights.size(); ++i)
    CHECK(std::abs(slope(weights[i]) - static_cast<double>(found.weights[i])) < 5e-3);
}

/// What every loss must hold: PyTorch's values and gradients for all its cases in the reference, and
/// gradients that agree with finite differences.
inline void check_loss(const std::string& type) {
  const auto& data = reference()["losses"];
  std::size_t cases = 0;
  for (const auto& one : data["cases"]) {
    const std::string toml = one["toml"];
    if (toml.find("\"" + type + "\"") == std::string::npos) continue;
    ++cases;
    CAPTURE(toml);
    const auto loss = component<Loss>(toml);
    CHECK(loss->type == type);
    Labels labels;
    if (one["batch"] == "classes")
      labels.classes = data["classes"].get<std::vector<std::int32_t>>();
    else
      labels.same = data["same"].get<std::vector<std::uint8_t>>();
    const std::vector<IndexPair> pairs = loss->pairs(labels);
    std::vector<float> d = floats(one["d"]);
    REQUIRE(pairs.size() == d.size());
    std::vector<float> gradient(d.size(), 1e9f), unused(d.size());  // overwritten, not added to
    const double value = loss->value(labels, pairs, d, gradient);
    CHECK(value == doctest::Approx(one["loss"].get<double>()).epsilon(1e-6));
    check_close(gradient, floats(one["gradient_d"]), 1e-6);

    // Central differences: the losses work in f64 on f32 distances, so h may be small; its square times the
    // third derivative (at most scale^3 = 4096) over 6 stays below 1e-4.
    const float h = 1.0f / 4096.0f;
    for (std::size_t i = 0; i < d.size(); ++i) {
      CAPTURE(i);
      const float was = d[i];
      d[i] = was + h;
      const double above = loss->value(labels, pairs, d, unused);
      d[i] = was - h;
      const double below = loss->value(labels, pairs, d, unused);
      d[i] = was;
      const double slope = (above - below) / (2.0 * static_cast<double>(h));
      CHECK(std::abs(slope - static_cast<double>(gradient[i])) < 1e-4);
    }
  }
  CHECK(cases >= 2);
}

/// All cases of that optimiser in the reference: several updates from the same start.
inline void check_optimizer(const std::string& type) {
  const auto& data = reference()["optimizers"];
  std::size_t cases = 0;
  for (const auto& one : data["cases"]) {
    const std::string toml = one["toml"];
    if (toml.find("\"" + type + "\"") == std::string::npos) continue;
    ++cases;
    CAPTURE(toml);
    const auto optimizer = component<Optimizer>(toml);
    CHECK(optimizer->type == type);
    CHECK(optimizer->learning_rate == data["rate"].get<double>());
    std::vector<float> weights = floats(data["start"]);
    std::vector<std::vector<float>> slots(optimizer->slots(), std::vector<float>(weights.size()));
    std::uint64_t t = 0;
    for (const auto& gradient : data["gradients"]) {
      // In two ranges, as the trainer does: the cut may not matter.
      const std::vector<float> g = floats(gradient);
      for (const auto& [first, count] : {std::pair<std::size_t, std::size_t>(0, 4), {4, g.size() - 4}}) {
        std::vector<float*> range;
        for (auto& slot : slots) range.push_back(slot.data() + first);
        optimizer->update(std::span(weights).subspan(first, count), std::span(g).subspan(first, count), range,
                          {.t = t, .rate = optimizer->learning_rate});
      }
      ++t;
    }
    check_close(weights, floats(one["weights"]), 2e-6);
  }
  CHECK(cases >= 2);
}

/// All cases of that schedule in the reference.
inline void check_schedule(const std::string& type) {
  const auto& data = reference()["schedules"];
  std::size_t cases = 0;
  for (const auto& one : data["cases"]) {
    const std::string toml = one["toml"];
    if (toml.find("\"" + type + "\"") == std::string::npos) continue;
    ++cases;
    CAPTURE(toml);
    const auto schedule = component<Schedule>(toml);
    CHECK(schedule->type == type);
    std::vector<double> factors;
    for (std::uint64_t t = 0; t < one["factors"].size(); ++t)
      factors.push_back(schedule->factor({t, data["total"], 1}));
    check_close(factors, one["factors"].get<std::vector<double>>(), 1e-10);
  }
  CHECK(cases >= 1);
}

}  // namespace twinflow::twin
