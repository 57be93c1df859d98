#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "twinflow/random.h"
#include "twinflow/spec.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// `proxies = { scale = 16.0, margin = 0.1 }` of twin.train.
struct ProxyTask {
  static void describe(TableSpec<ProxyTask>& spec);
  double weight = 1.0, scale = 16.0, margin = 0.1;
};

/// A learned vector for each class of training, its proxy, and the task of finding an image's own among
/// all (Movshovitz-Attias et al. 2017, "No fuss distance metric learning using proxies"; with softmax and
/// scale Zhai and Wu 2019, "Classification is a strong baseline for deep metric learning"; with a
/// margin by which the own one has to win Wang et al. 2018, "CosFace", equation 4). With c_i the class of
/// image i, N images:
///
///   s_ic = scale (cos(e_i, w_c) - margin [c = c_i])
///   L = 1/N sum_i (log sum_c exp(s_ic) - s_i,c_i)
///   dL/ds_ic = (softmax_ic - [c = c_i]) / N
///   dcos(e, w)/de = (w / |w| - cos(e, w) e / |e|) / |e|, and likewise for w
///
/// The pairs of a batch compare an image with the few classes beside it; this, with all. Only training knows
/// proxies: a model is the network alone.
class Proxies {
 public:
  /// `random`: draws where they start, on the unit sphere.
  Proxies(const ProxyTask& task, std::size_t classes, std::size_t embedding_size, Random& random);

  std::size_t classes() const { return weights.size() / size_; }

  /// The loss, without `weight`. Adds weight dL/de to `gradient_e`, and to `gradient` weight dL/dw. Parallel
  /// over the arena, with the same bits for any number of threads. `ids`: one below classes() for each row of
  /// e.
  double add_to(Embeddings& gradient_e, const Embeddings& e, std::span<const std::int32_t> ids);

  std::vector<float> weights, gradient;  // classes x embedding size, row-major

 private:
  ProxyTask task_;
  std::size_t size_;
};

}  // namespace twinflow::twin
