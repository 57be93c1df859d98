#include "training_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "buffer.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {
namespace {

/// Of a network planned for so many images at once, what kernels work with included.
NetworkMemory memory_of(const Recipe& recipe, Shape image, Mode mode, std::size_t shard, std::size_t at_once,
                        int threads) {
  CountOnly counting;
  Network network(recipe.layers, image, recipe.precision, mode, shard);
  network.plan(at_once);
  NetworkMemory made = network.taken(threads);
  made.passes += counting.scratchpad * static_cast<std::size_t>(threads);
  return made;
}

/// Images of a batch that go through the network at once, where at most `most` may.
std::size_t largest_part(const Recipe& recipe, Shape image, std::size_t batch, std::size_t most) {
  const CountOnly counting;
  return Network(recipe.layers, image, recipe.precision, Mode::training, recipe.shard)
      .parts(batch, most)
      .at(1);
}

double bytes(std::size_t number) { return static_cast<double>(number); }

}  // namespace

void count_training(const Recipe& recipe, Shape image, std::size_t batch, std::size_t shares,
                    MemoryNeed& need) {
  const std::size_t ranks = static_cast<std::size_t>(need.shared), cuts = shares > 0 ? shares : ranks;
  const auto at_once = [&](std::size_t most) {
    return cuts > 1 ? (batch + cuts - 1) / cuts : largest_part(recipe, image, batch, most);
  };
  const std::size_t images = at_once(recipe.micro_batch);
  const NetworkMemory network = memory_of(recipe, image, Mode::training, recipe.shard, images, need.threads);
  const double weights = bytes(network.weights), trained = bytes(network.trained) * sizeof(float),
               slots = trained * bytes(recipe.optimizer->slots());
  const bool collects = recipe.accumulate > 1 || (cuts <= 1 && images < batch);
  const std::string smaller = "a smaller network";

  const std::size_t before = need.pieces.size();
  need.hold("weights and their gradients", weights + bytes(network.gradients), smaller);
  need.hold("the weights as the processor reads them", bytes(network.copies), smaller);
  need.hold("the memory of the optimizer " + recipe.optimizer->type, slots,
            "an optimizer that keeps less, as sgd without momentum");
  if (collects) need.hold("gradients that are collected", trained, "");
  if (cuts > 1)
    need.hold("gradients of shares that wait to be added", trained * bytes(std::bit_width(cuts / ranks)));
  if (recipe.average) need.hold("the moving average of the weights", weights, "no weight_average");
  need.hold("a state being saved", weights * (recipe.average ? 2 : 1) + slots + (collects ? trained : 0.0),
            smaller);
  need.hold("the newest model and the last finite one", 2 * weights, smaller);
  double sum = 0;
  for (std::size_t i = before; i < need.pieces.size(); ++i) sum += need.pieces[i].bytes;

  std::string advice = "smaller batches or images";
  if (cuts <= 1 && sum + bytes(network.passes) > need.left)
    for (std::size_t fits = images / 2; fits > 0; fits /= 2) {
      const std::size_t part = at_once(fits);
      if (sum + bytes(memory_of(recipe, image, Mode::training, recipe.shard, part, need.threads).passes) >
          need.left)
        continue;
      advice = fmt::format("micro_batch = {}", fits);
      break;
    }
  need.hold(fmt::format("the passes of {} images of {} at once", images, image.text()), bytes(network.passes),
            advice);

  const NetworkMemory inference =
      memory_of(recipe, image, Mode::inference, default_shard, Model::images_at_once, need.threads);
  need.gives_model = {weights, bytes(inference.sum()),
                      bytes(output_shape(recipe.layers, image).size()) * sizeof(float)};
}

}  // namespace twinflow::twin
