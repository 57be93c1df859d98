#pragma once

#include <vector>

#include "collection.h"
#include "picture.h"
#include "twinflow/dataset.h"

namespace twinflow::data {

/// The drawings of Omniglot (Lake, Salakhutdinov & Tenenbaum 2015, "Human-level concept learning through
/// probabilistic program induction"), from files ALPHABET/CHARACTER/ID_DRAWER.png. Groups are the alphabets,
/// classes the characters, both sorted by name; a class's images are sorted by drawer, and `drawers` holds
/// the numbers in the file names (01 to 20: the same person within an alphabet). An alphabet that stands in
/// several collections counts once. Throws Error, naming collection and file, for a file that does not fit
/// this layout, a damaged one, two drawings of a character by one drawer, the same name with different bytes,
/// and when there is no drawing at all.
Dataset read_omniglot_images(const std::vector<Collection>& collections, const PictureForm& form);

}  // namespace twinflow::data
