#pragma once

#include <string>

#include "twinflow/spec.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {

/// A network that has a name, and a few numbers to change it by: family "network". Layers made by the same
/// code as those of a graph file.
class Preset {
 public:
  using Base = Preset;
  static constexpr const char* family = "network";
  std::string type;

  virtual ~Preset() = default;
  virtual Layers layers() const = 0;
};

/// The layers of the preset of that name, as it is. Throws Error when there is none.
inline Layers preset(const std::string& name) { return default_component<Preset>(name)->layers(); }

}  // namespace twinflow::twin
