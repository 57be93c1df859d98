#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/memory_need.h"
#include "twinflow/param.h"
#include "twinflow/passage.h"
#include "twinflow/ranks.h"
#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {

/// Who shares the work, on which channel; nobody by default.
struct SharedOut {
  Ranks* ranks = nullptr;
  int channel = 0;

  SharedOut() = default;
  /// A channel of its own: for open().
  explicit SharedOut(Ranks* ranks_) : ranks(ranks_), channel(ranks_ ? ranks_->channel() : 0) {}
};

/// A row for each of `images`, in their order: what the model makes of it once it has gone through the maps.
/// Read in parts: as f32, images take four times the room that they have in the store. Maps that draw, draw
/// for the part and for `copy`, so that every model sees the same. Throws Error when the images have another
/// shape than the model's, when one cannot be decoded, and when the model was trained on prepared images but
/// these go through nothing. With `ranks` each of them makes some of the parts, and all have all rows.
Embeddings embed_images(const Model& model, std::shared_ptr<const PixelStore> store,
                        std::span<const std::size_t> images, const Passage& through, std::size_t copy = 0,
                        SharedOut ranks = {});

/// Whether all of `images` have the same pixels once they went through the maps. Reads them up to the first
/// that differs.
bool same_images(const std::shared_ptr<const PixelStore>& store, std::span<const std::size_t> images,
                 const Passage& through);

/// For count_memory() of a node that does so. `images`: how many it embeds with a model, 0 while nobody
/// knows; `kept`: how many embeddings of each are there at once.
void count_embedding(MemoryNeed& need, std::size_t images, std::size_t kept = 1);

/// For the check of a node that does so; `input` is that of the passage. Reports where a model of this graph
/// was trained behind nodes that change every image (NodeSpec::prepares) and the passage does not name them
/// all, in their order; and where the images of one of the inputs `data` do not get the model's shape, as far
/// as both are known. Of a model that was loaded neither is.
void check_images(const Checking& checking, const std::string& input, const Passage& through,
                  const std::vector<std::string>& data);

/// Throws Error when the images of two data sets, inputs of a node, do not come to one shape.
void require_one_shape(const Passage& through, const std::string& input, const Dataset& data,
                       const std::string& other_input, const Dataset& other);

}  // namespace twinflow::twin
