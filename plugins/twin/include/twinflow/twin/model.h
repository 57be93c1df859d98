#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "twinflow/images.h"
#include "twinflow/tensors.h"
#include "twinflow/twin/distance.h"
#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/layer.h"
#include "twinflow/twin/precision.h"

namespace twinflow::twin {

/// A trained network as it was at one moment: cheap to copy, and safe from any thread as long as none sets
/// its members. The network that the first embed() builds is kept, for all copies that have the same weights;
/// calls at the same time each have their own.
class Model {
 public:
  static constexpr const char* port_type = "model";
  /// That embed() sends through the network: bounds its memory.
  static constexpr std::size_t images_at_once = 256;

  std::uint64_t epoch = 0;  // in which it was made
  std::uint64_t step = 0;   // updates made before
  /// The network's tensors and, for a distance that learns, "distance.weight". Metadata: "network" (the
  /// layers as TOML), "distance" (likewise), "image" ("1x52x52"), "precision" ("f32" or "bf16"),
  /// "onednn" (its version).
  std::shared_ptr<const NamedTensors> weights;
  std::shared_ptr<const Distance> distance;

  Layers layers;
  Shape image;
  Precision precision = Precision::f32;
  /// What changed every image alike before the network was trained on it: "norm (augment.normalize)".
  /// Metadata "prepared_by", where there is any.
  std::string prepared_by;

  /// Empty for a distance without weights.
  std::span<const float> distance_weights() const;
  /// Any number of images, in parallel over the arena. Batch normalisation uses its moving averages, so that
  /// an embedding depends on its image alone. Throws Error when the images have another shape.
  Embeddings embed(const Images& images) const;

 private:
  struct Networks;
  static std::shared_ptr<Networks> no_networks();
  std::shared_ptr<Networks> networks_ = no_networks();  // built and not in use
};

/// Fills in `weights`, metadata included, from the network's tensors.
void describe_weights(Model& model, NamedTensors tensors, std::span<const float> distance_weights);

}  // namespace twinflow::twin
