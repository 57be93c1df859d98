#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include "components.h"

/// What the tests of distances share.
namespace twinflow::twin {

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

  // f32 against f64: sums of 70 terms of size 1 (squares: 2 on average), gradients that are sums of 5 of
  // them.
  const std::vector<float> d = distances(*distance, e, pairs, weights);
  check_close(d, floats(expected["d"]), 5e-6);
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

}  // namespace twinflow::twin
