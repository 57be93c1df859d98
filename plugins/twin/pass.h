#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "twinflow/random.h"

namespace twinflow::twin {

/// The random numbers of a network: `purpose` is a parameter's name (a: 0, b: its row) or a layer's name and
/// what it draws ("3.dropout.mask"; a: the update, b: the image).
using Streams = std::function<Random(std::string_view purpose, std::uint64_t a, std::uint64_t b)>;

/// Where in training a forward pass stands: what is drawn depends on it.
struct Pass {
  std::uint64_t update = 0;     // batches before it
  std::size_t first_image = 0;  // where the batch goes through in parts: the part begins here ...
  std::size_t images = 0;       // ... and has so many; 0: all
  bool again = false;           // for a part that went through before: its statistics are known already
  bool share = false;           // the part is cut into shards by itself, as those of other ranks are
  std::size_t given_from = 0;   // the images that are at hand begin with this one of the batch ...
  std::size_t whole = 0;        // ... which has so many; 0: all are at hand
};

}  // namespace twinflow::twin
