#pragma once

#include <string>

#include "twinflow/images.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// A network that has collapsed tells nothing apart: all rows are alike, that is, every number varies by less
/// than 1e-5 of the largest that there is. With fewer than two rows: false.
bool all_alike(const Embeddings& e);

/// Whether all images have the same pixels: then no network tells them apart. With fewer than two: false.
bool all_alike(const Images& images);

/// The sentence on embeddings that are all alike, which is the images' fault or the network's: "the model of
/// epoch 3 has collapsed: ...".
std::string collapse_text(const std::string& model, bool images_alike);

}  // namespace twinflow::twin
