#pragma once

#include <string>

#include "components.h"
#include "layers_from.h"
#include "twinflow/twin/model.h"

/// Models without training, for the tests of what is done with models.
inline twinflow::twin::Model model_of(const std::string& layers, twinflow::twin::Shape image,
                                      const std::string& distance = "l1",
                                      twinflow::twin::Precision precision = twinflow::twin::Precision::f32) {
  using namespace twinflow;
  using namespace twinflow::twin;
  Model model;
  model.layers = layers_from(layers);
  model.image = image;
  model.precision = precision;
  model.distance = component<Distance>("type = \"" + distance + "\"");
  Network network(model.layers, image, precision, Mode::training);
  network.initialise([](std::string_view name, std::uint64_t a, std::uint64_t b) {
    return Random(stream_key(9, "m", name), a, b);
  });
  std::vector<float> distance_weights(model.distance->weight_count(network.embedding_size()));
  for (std::size_t i = 0; i < distance_weights.size(); ++i)
    distance_weights[i] = 0.5f - static_cast<float>(i);
  describe_weights(model, network.weights(), distance_weights);
  return model;
}

/// A convolution, a dense layer, and what stands between.
inline twinflow::twin::Model small_model(const std::string& distance = "l1") {
  return model_of("[{type = 'conv', filters = 16}, {type = 'relu'}, {type = 'dense', units = 3}]", {1, 6, 6},
                  distance);
}

inline twinflow::Images noise(std::size_t count, std::size_t size = 6) {
  twinflow::Images images(count, 1, size, size);
  twinflow::Random random(2, 0, 0);
  for (float& pixel : images.pixels) pixel = static_cast<float>(random.uniform());
  return images;
}
