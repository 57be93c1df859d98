#pragma once

#include <cstddef>
#include <vector>

#include "contact_sheet.h"
#include "twinflow/images.h"

namespace twinflow::monitor {

/// Whether they can be shown: 1 channel, or 3.
bool can_be_shown(const Images& images);

/// Of the first `most` pairs, or images, whose pixels have been read: the two of a pair side by side; or the
/// images of a class, the classes in the order in which they first come.
void add_tiles(const PairBatch& batch, std::size_t most, std::vector<Tile>& tiles);
void add_tiles(const ImageBatch& batch, std::size_t most, std::vector<Tile>& tiles);

}  // namespace twinflow::monitor
