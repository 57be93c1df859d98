#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "twinflow/error.h"
#include "twinflow/node.h"
#include "twinflow/tensors.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {

/// The weights of a model that has been seen to work.
struct GoodModel {
  std::shared_ptr<const NamedTensors> weights;
  std::uint64_t step = 0;  // updates
};

/// For a run whose numbers have blown up: writes the model, and gives the end of the sentence that says what
/// happened: what may help, and where the model is, or why it could not be written.
/// Of several ranks only the first one writes; `file` is within `run`'s directory.
std::string keep_last_good(Run& run, const std::optional<GoodModel>& good, const std::string& file);

/// The whole sentence, of a model whose distances are not finite numbers.
Error distances_not_finite(Run& run, const Model& model, const std::optional<GoodModel>& good,
                           const std::string& file);

}  // namespace twinflow::twin
