#include "plugins/twin/proxies.h"

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cmath>

#include "check_distance.h"
#include "components.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

Proxies proxies(const ProxyTask& task, std::size_t size, const std::vector<float>& weights) {
  Random random(1, 0, 0);
  Proxies made(task, weights.size() / size, size, random);
  made.weights = weights;
  return made;
}

Embeddings embeddings(std::size_t size, const std::vector<float>& values) {
  Embeddings made(values.size() / size, size);
  made.values = values;
  return made;
}

}  // namespace

TEST_CASE("proxies by hand") {
  // Along the axes, of any length; the image, of class 0, is 60 degrees from the first.
  const double near = 0.5, far = std::sqrt(3.0) / 2.0, scale = 2.0;
  Proxies two = proxies({.weight = 3.0, .scale = scale, .margin = 0.25}, 2, {4, 0, 0, 0.5});
  const Embeddings e = embeddings(2, {static_cast<float>(2.0 * near), static_cast<float>(2.0 * far)});
  Embeddings slope(1, 2);
  const std::vector<std::int32_t> ids{0};
  const double loss = two.add_to(slope, e, ids);
  const double wrong = 1.0 / (1.0 + std::exp(scale * (near - 0.25 - far)));  // softmax of class 1
  CHECK(loss == doctest::Approx(-std::log(1.0 - wrong)));
  // dL/dcos is -scale wrong for class 0 and its opposite for class 1; e's part along itself is taken away.
  const double g = scale * wrong, along = -g * near + g * far;
  check_close(slope.values,
              {static_cast<float>(3.0 * (-g - along * near) / 2.0),
               static_cast<float>(3.0 * (g - along * far) / 2.0)},
              1e-6);
  check_close(
      two.gradient,
      {0.0f, static_cast<float>(3.0 * -g * far / 4.0), static_cast<float>(3.0 * g * near / 0.5), 0.0f}, 1e-6);
}

TEST_CASE("proxies agree with PyTorch, and add to the gradients that are there") {
  const auto& data = reference()["proxies"];
  const auto size = data["size"].get<std::size_t>();
  const ProxyTask task{.weight = data["weight"], .scale = data["scale"], .margin = data["margin"]};
  Proxies some = proxies(task, size, floats(data["w"]));
  const Embeddings e = embeddings(size, floats(data["e"]));
  Embeddings slope(e.count, size);
  std::fill(slope.values.begin(), slope.values.end(), 1.0f);
  some.gradient.assign(some.weights.size(), -1.0f);
  CHECK(some.add_to(slope, e, data["ids"].get<std::vector<std::int32_t>>()) ==
        doctest::Approx(data["loss"].get<double>()).epsilon(1e-6));
  for (float& one : slope.values) one -= 1.0f;
  for (float& one : some.gradient) one += 1.0f;
  check_close(slope.values, floats(data["gradient_e"]), 1e-6);
  check_close(some.gradient, floats(data["gradient_w"]), 1e-6);
}

TEST_CASE("the gradients of proxies are slopes of their loss") {
  const ProxyTask task{.weight = 1.0, .scale = 4.0, .margin = 0.2};
  Random random(4, 0, 0);
  std::vector<float> w(6 * 5), values(3 * 5);
  for (float& one : w) one = static_cast<float>(random.normal());
  for (float& one : values) one = static_cast<float>(random.normal());
  const std::vector<std::int32_t> ids{5, 0, 5};
  const auto loss = [&](const std::vector<float>& at_w, const std::vector<float>& at_e) {
    Embeddings nowhere(3, 5);
    return proxies(task, 5, at_w).add_to(nowhere, embeddings(5, at_e), ids);
  };
  Proxies some = proxies(task, 5, w);
  Embeddings slope(3, 5);
  some.add_to(slope, embeddings(5, values), ids);
  const float step = 1e-2f;
  for (std::size_t i = 0; i < w.size(); ++i) {
    std::vector<float> up = w, down = w;
    up[i] += step, down[i] -= step;
    CHECK(some.gradient[i] ==
          doctest::Approx((loss(up, values) - loss(down, values)) / (2 * step)).epsilon(2e-3).scale(0.1));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::vector<float> up = values, down = values;
    up[i] += step, down[i] -= step;
    CHECK(slope.values[i] ==
          doctest::Approx((loss(w, up) - loss(w, down)) / (2 * step)).epsilon(2e-3).scale(0.1));
  }
}

TEST_CASE("proxies start on the unit sphere, and have no slope where an embedding is 0") {
  Random random(1, 0, 0);
  const Proxies some({}, 9, 4, random);
  CHECK(some.classes() == 9);
  for (std::size_t c = 0; c < 9; ++c) {
    double squares = 0.0;
    for (std::size_t k = 0; k < 4; ++k) squares += std::pow(some.weights[4 * c + k], 2);
    CHECK(squares == doctest::Approx(1.0));
  }
  Proxies two = proxies({}, 2, {1, 0, 0, 1});
  Embeddings slope(1, 2);
  CHECK(two.add_to(slope, Embeddings(1, 2), std::vector<std::int32_t>{0}) ==
        doctest::Approx(std::log(1.0 + std::exp(16.0 * 0.1))));
  CHECK(slope.values == std::vector<float>{0, 0});
}

TEST_CASE("proxies give the same bits for any number of threads") {
  std::vector<float> first;
  for (const int threads : {1, 2, 8}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    arena.execute([&] {
      Random random(2, 0, 0);
      Proxies some({}, 700, 40, random);
      Embeddings e(90, 40), slope(90, 40);
      for (float& one : e.values) one = static_cast<float>(random.normal());
      std::vector<std::int32_t> ids(90);
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(7 * i);
      std::vector<float> all{static_cast<float>(some.add_to(slope, e, ids))};
      all.insert(all.end(), slope.values.begin(), slope.values.end());
      all.insert(all.end(), some.gradient.begin(), some.gradient.end());
      if (first.empty()) first = all;
      CHECK(all == first);
    });
  }
}
