#include "model.h"

#include <algorithm>

namespace twinflow::twin {

std::span<const float> Model::distance_weights() const {
  const auto found = weights->tensors.find("distance.weight");
  if (found == weights->tensors.end()) return {};
  return found->second.values;
}

Embeddings Model::embed(const Images& images) const {
  constexpr std::size_t chunk = 256;  // images at once: bounds the memory of inference
  Network network(layers, image, precision, Mode::inference);
  network.load(*weights);
  Embeddings all(images.count, network.embedding_size());
  for (std::size_t first = 0; first < images.count; first += chunk) {
    const std::size_t count = std::min(chunk, images.count - first);
    Images some(count, images.channels, images.height, images.width);
    std::copy_n(images.image(first), some.pixels.size(), some.pixels.data());
    const Embeddings& made = network.forward(some);
    std::copy_n(made.values.data(), made.values.size(), all.row(first));
  }
  return all;
}

void describe_weights(Model& model, NamedTensors tensors, std::span<const float> distance_weights) {
  if (!distance_weights.empty())
    tensors.tensors["distance.weight"] = {{static_cast<std::int64_t>(distance_weights.size())},
                                          {distance_weights.begin(), distance_weights.end()}};
  tensors.metadata["network"] = ParamType<Layers>::text(model.layers);
  tensors.metadata["distance"] = ParamType<std::shared_ptr<const Distance>>::text(model.distance);
  tensors.metadata["image"] = model.image.text();
  tensors.metadata["precision"] = model.precision == Precision::bf16 ? "bf16" : "f32";
  model.weights = std::make_shared<const NamedTensors>(std::move(tensors));
}

}  // namespace twinflow::twin
