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

/// Networks that are not in use, each with the model it was built from: copies of a model share them, and a
/// copy may be given other weights.
struct Model::Networks {
  struct Built {
    std::shared_ptr<const NamedTensors> weights;
    Layers layers;
    Shape image;
    Precision precision;
    std::unique_ptr<Network> network;

    bool is_of(const Model& model) const {
      return weights == model.weights && layers == model.layers && image == model.image &&
             precision == model.precision;
    }
  };
  std::mutex mutex;
  std::vector<Built> idle;

  std::unique_ptr<Network> take(const Model& model) {
    const std::lock_guard lock(mutex);
    const auto found =
        std::find_if(idle.begin(), idle.end(), [&](const Built& one) { return one.is_of(model); });
    if (found == idle.end()) return nullptr;
    std::unique_ptr<Network> taken = std::move(found->network);
    idle.erase(found);
    return taken;
  }
  void give_back(const Model& model, std::unique_ptr<Network> network) {
    const std::lock_guard lock(mutex);
    idle.push_back({model.weights, model.layers, model.image, model.precision, std::move(network)});
  }
};

std::shared_ptr<Model::Networks> Model::no_networks() { return std::make_shared<Networks>(); }

Embeddings Model::embed(const Images& images) const {
  std::unique_ptr<Network> network = networks_->take(*this);
  if (!network) {
    network = std::make_unique<Network>(layers, image, precision, Mode::inference);
    network->load(*weights);
  }
  Embeddings all(images.count, network->embedding_size());
  const std::vector<std::size_t> parts = network->parts(images.count, images_at_once);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const Embeddings& made =
        network->forward(images, {.first_image = parts[i], .images = parts[i + 1] - parts[i]});
    std::copy_n(made.values.data(), made.values.size(), all.row(parts[i]));
  }
  networks_->give_back(*this, std::move(network));
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
