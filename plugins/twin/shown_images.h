#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace twinflow::twin {

/// The images of a store that are shown, each once: to embed them once, however often they are.
struct ShownImages {
  std::vector<std::size_t> images;  // indices in the store, ascending
  std::vector<std::uint32_t> row;   // by image of the store: where it is among these
};
/// `shown`: by image of the store.
ShownImages shown_images(const std::vector<bool>& shown);

}  // namespace twinflow::twin
