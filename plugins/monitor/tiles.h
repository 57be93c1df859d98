#pragma once

#include <cstddef>
#include <vector>

#include "contact_sheet.h"
#include "twinflow/answers.h"
#include "twinflow/images.h"

namespace twinflow::monitor {

/// Whether images of so many channels can be shown: of 1, or of 3.
bool can_be_shown(std::size_t channels);

/// Of the first `most` pairs, or images, whose pixels have been read: the two of a pair side by side; or the
/// images of a class, the classes in the order in which they first come.
void add_tiles(const PairBatch& batch, std::size_t most, std::vector<Tile>& tiles);
void add_tiles(const ImageBatch& batch, std::size_t most, std::vector<Tile>& tiles);

/// Of the first `most` wrong answers three tiles each: the query, the right class's support, and that of the
/// class answered. Reads the images.
std::vector<Tile> tiles_of(const WrongAnswers& wrong, std::size_t most);

}  // namespace twinflow::monitor
