#include "check_distance.h"

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("cosine agrees with PyTorch and with finite differences") { check_distance("cosine"); }

TEST_CASE("cosine by hand") {
  const auto cosine = component<Distance>("type = \"cosine\"");
  CHECK(cosine->weight_count(64) == 0);
  CHECK(!cosine->gives_logits());
  const Embeddings e = rows({{3, 4}, {6, 8}, {-3, -4}, {4, -3}, {1, 0}});
  // Same direction 0, opposite 2, at right angles 1; (3, 4) and (1, 0): 1 - 3/5.
  const std::vector<float> d = distances(*cosine, e, {{0, 1}, {0, 2}, {0, 3}, {0, 4}});
  check_close(d, {0.0f, 2.0f, 1.0f, 0.4f}, 1e-6);
  // d = 1 - x / sqrt(x^2 + y^2) at (3, 4): dd/dx = -y^2 / r^3 = -16/125, dd/dy = x y / r^3 = 12/125.
  // At (1, 0), against (0.6, 0.8): moving along itself changes nothing; across, -0.8.
  const auto gradient = gradients(*cosine, e, {{0, 4}}, {1.0f});
  check_close(gradient.e.values, {-0.128f, 0.096f, 0, 0, 0, 0, 0, 0, 0, -0.8f}, 1e-6);
}

TEST_CASE("cosine takes a zero vector to be at distance 1 of everything, and gives it no gradient") {
  const auto cosine = component<Distance>("type = \"cosine\"");
  const Embeddings e = rows({{0, 0, 0}, {1, 2, 3}, {0, 0, 0}, {1e-15f, 0, 0}});
  const std::vector<IndexPair> pairs = {{0, 1}, {1, 0}, {0, 2}, {3, 1}};
  CHECK(distances(*cosine, e, pairs) == std::vector<float>{1, 1, 1, 1});
  CHECK(gradients(*cosine, e, pairs, {1, 1, 1, 1}).e.values == std::vector<float>(12, 0.0f));
}
