#include "twinflow/twin/model.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "engine.h"
#include "network.h"

namespace twinflow::twin {

std::span<const float> Model::distance_weights() const {
  const auto found = weights->tensors.find("distance.weight");
  if (found == weights->tensors.end()) return {};
  return found->second.values;
}

struct Model::Networks {
  std::mutex mutex;
  std::vector<std::unique_ptr<Network>> idle;

  std::unique_ptr<Network> take() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return nullptr;
    std::unique_ptr<Network> taken = std::move(idle.back());
    idle.pop_back();
    return taken;
  }
  void give_back(std::unique_ptr<Network> network) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(network));
  }
};

std::shared_ptr<Model::Networks> Model::no_networks() { return std::make_shared<Networks>(); }

Embeddings Model::embed(const Images& images) const {
  constexpr std::size_t chunk = 256;  // images at once: bounds the memory of inference
  std::unique_ptr<Network> network = networks_->take();
  if (!network) {
    network = std::make_unique<Network>(layers, image, precision, Mode::inference);
    network->load(*weights);
  }
  Embeddings all(images.count, network->embedding_size());
  const std::vector<std::size_t> parts = network->parts(images.count, chunk);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const Embeddings& made =
        network->forward(images, {.first_image = parts[i], .images = parts[i + 1] - parts[i]});
    std::copy_n(made.values.data(), made.values.size(), all.row(parts[i]));
  }
  networks_->give_back(std::move(network));
  return all;
}

void describe_weights(Model& model, NamedTensors tensors, std::span<const float> distance_weights) {
  if (!distance_weights.empty())
    tensors.tensors["distance.weight"] = {{static_cast<std::int64_t>(distance_weights.size())},
                                          {distance_weights.begin(), distance_weights.end()}};
  tensors.metadata["network"] = ParamType<Layers>::text(model.layers);
  tensors.metadata["distance"] = ParamType<std::shared_ptr<const Distance>>::text(model.distance);
  tensors.metadata["image"] = model.image.text();
  tensors.metadata["onednn"] = library_version();  // rounding may be another's
  if (!model.prepared_by.empty()) tensors.metadata["prepared_by"] = model.prepared_by;
  tensors.metadata["precision"] = model.precision == Precision::bf16 ? "bf16" : "f32";
  model.weights = std::make_shared<const NamedTensors>(std::move(tensors));
}

}  // namespace twinflow::twin
