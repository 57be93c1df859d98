#pragma once

#include <string>

#include "graph_file.h"
#include "plugins/twin/layer.h"
#include "twinflow/error.h"

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
