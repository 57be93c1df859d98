#include "twinflow/twin/layer.h"

#include <algorithm>
#include <map>

#include "program.h"
#include "twinflow/error.h"

namespace twinflow::twin {

Layer::~Layer() = default;
LayerError::~LayerError() = default;

std::vector<Checking::Step> LayerError::place(const std::string& key) const {
  std::vector<Checking::Step> steps;
  for (const std::size_t index : layer) {
    steps.emplace_back(steps.empty() ? key : "layers");
    steps.emplace_back(index);
  }
  return steps;
}

void check_names(const Layers& layers, const std::vector<std::string>& taken) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string& name = layers[i]->name;
    if (name.empty()) continue;
    if (!letter(name[0]) || !std::all_of(name.begin(), name.end(), fits))
      throw Error("layer " + std::to_string(i) + " (" + layers[i]->type + ") cannot be called \"" + name +
                  "\": a name has letters, digits, _ and -, and begins with a letter");
    if (std::find(taken.begin(), taken.end(), name) != taken.end())
      throw Error("layer " + std::to_string(i) + " (" + layers[i]->type + ") cannot be called \"" + name +
                  "\": other weights are called so");
    const auto [first, added] = places.emplace(name, i);
    if (!added)
      throw Error("layers " + std::to_string(first->second) + " and " + std::to_string(i) +
                  " are both called \"" + name + "\"");
  }
}

void check_names(const Layers& layers) {
  check_names(layers, {"distance", "optimizer", "collected", "average"});
}

int plan_layers(Program& program, const Layers& layers, const std::string& prefix, int input,
                bool keep_last_apart, const Layer::Planned& last) {
  const auto plan = [&](std::size_t i, bool relu, bool pool) {
    const Layer& layer = *layers[i];
    const std::string& own = layer.name;
    const std::string outer = program.layer;
    program.layer = prefix + (own.empty() ? std::to_string(i) + "." + layer.type : own);
    Layer::Planned at = i + 1 == layers.size() ? last : Layer::Planned();
    at.name = program.layer;
    at.input = input;
    at.relu = at.relu || relu;
    if (pool) at.pool = 2;
    input = layer.plan(program, at);
    program.layer = outer;
  };
  const auto pool_at = [&](std::size_t i) { return i < layers.size() && layers[i]->is_pool_of_2(); };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool relu_next = i + 1 < layers.size() && layers[i + 1]->is_relu();
    const bool last_two = i + 2 == layers.size();
    const bool later =
        layers[i]->relu_keeps_output() && relu_next && !last_two && layers[i + 2]->commutes_with_relu();
    const bool relu = layers[i]->fuses_relu() && relu_next && !later && !(last_two && keep_last_apart);
    const std::size_t end = i + (relu ? 2 : 1);
    if (layers[i]->fuses_pool() && pool_at(end) && !(end + 1 == layers.size() && keep_last_apart)) {
      plan(i, relu, true);
      i = end;
    } else if (relu) {
      plan(i++, true, false);
    } else if (layers[i]->is_relu() && i + 1 < layers.size() && layers[i + 1]->commutes_with_relu()) {
      plan(i + 1, false, false);
      plan(i++, false, false);
    } else {
      plan(i, false, false);
    }
  }
  return input;
}

Shape output_shape(const Layers& layers, Shape in) {
  require_room(in);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    try {
      in = layers[i]->output(in);
      require_room(in);
    } catch (const Error& error) {
      std::vector<std::size_t> at{i};
      if (const auto* inner = dynamic_cast<const LayerError*>(&error))
        at.insert(at.end(), inner->layer.begin(), inner->layer.end());
      throw LayerError("layer " + std::to_string(i) + " (" + layers[i]->type + "): " + error.what(), at);
    }
  }
  return in;
}

}  // namespace twinflow::twin
