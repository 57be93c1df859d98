#pragma once

#include <string>
#include <vector>

#include "graph_file.h"
#include "plugins/twin/network.h"
#include "twinflow/error.h"

/// What the tests of layers and networks share.

/// A list of layers from TOML, through the same code as a graph file's. Throws Error with the problems.
inline twinflow::twin::Layers layers_from(const std::string& toml) {
  using namespace twinflow;
  Problems problems;
  const Value table = parse_toml("layer = " + toml, "test.toml", "", problems);
  twin::Layers layers;
  if (problems.empty()) ParamType<twin::Layers>::read(*table.find("layer"), layers, problems);
  if (!problems.empty()) throw Error(problems.str());
  return layers;
}

inline twinflow::Images images_of_values(std::size_t count, twinflow::twin::Shape shape,
                                         const std::vector<float>& values) {
  twinflow::Images images(count, shape.channels, shape.height, shape.width);
  images.pixels.assign(values.begin(), values.end());
  return images;
}

/// An f32 network in training, with these tensors; the others keep what they have before initialise().
inline twinflow::twin::Network network_of(
    const std::string& toml, twinflow::twin::Shape image,
    const std::vector<std::pair<std::string, std::vector<float>>>& tensors = {}, std::size_t shard = 16) {
  using namespace twinflow::twin;
  Network network(layers_from(toml), image, Precision::f32, Mode::training, shard);
  twinflow::NamedTensors weights = network.weights();
  for (const auto& [name, values] : tensors) weights.tensors.at(name).values = values;
  network.load(weights);
  return network;
}

/// Copies: they outlive the tensors they come from.
inline std::vector<float> gradient_of(const twinflow::twin::Network& network, const std::string& name) {
  return network.gradients().tensors.at(name).values;
}
inline std::vector<float> weight_of(const twinflow::twin::Network& network, const std::string& name) {
  return network.weights().tensors.at(name).values;
}

/// What Layer::output() says of the only layer in `toml`: "64x26x26", or the sentence it throws.
inline std::string output_of(const std::string& toml, twinflow::twin::Shape in) {
  try {
    return layers_from("[" + toml + "]").at(0)->output(in).text();
  } catch (const twinflow::Error& error) {
    return error.what();
  }
}
