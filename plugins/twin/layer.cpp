#include "twinflow/twin/layer.h"

#include "program.h"
#include "twinflow/error.h"

namespace twinflow::twin {

Layer::~Layer() = default;

int plan_layers(Program& program, const Layers& layers, const std::string& prefix, int input,
                bool keep_last_apart) {
  const auto plan = [&](std::size_t i, bool relu) {
    const Layer& layer = *layers[i];
    const std::string& own = layer.name;
    const std::string outer = program.layer;
    program.layer = prefix + (own.empty() ? std::to_string(i) + "." + layer.type : own);
    input = layer.plan(program, {program.layer, input, relu});
    program.layer = outer;
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool relu_next = i + 1 < layers.size() && layers[i + 1]->is_relu();
    const bool last_two = i + 2 == layers.size();
    const bool later =
        layers[i]->relu_keeps_output() && relu_next && !last_two && layers[i + 2]->commutes_with_relu();
    if (layers[i]->fuses_relu() && relu_next && !later && !(last_two && keep_last_apart)) {
      plan(i++, true);
    } else if (layers[i]->is_relu() && i + 1 < layers.size() && layers[i + 1]->commutes_with_relu()) {
      plan(i + 1, false);
      plan(i++, false);
    } else {
      plan(i, false);
    }
  }
  return input;
}

Shape output_shape(const Layers& layers, Shape in) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    try {
      in = layers[i]->output(in);
    } catch (const Error& error) {
      throw Error("layer " + std::to_string(i) + " (" + layers[i]->type + "): " + error.what());
    }
  }
  return in;
}

}  // namespace twinflow::twin
