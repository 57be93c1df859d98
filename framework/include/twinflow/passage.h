#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twinflow/image_shape.h"
#include "twinflow/images.h"
#include "twinflow/ports.h"

namespace twinflow {

struct NodeInfo;

/// Maps of the graph that a node sends images of its own through, in the order given, as if they were items
/// of the stream: an evaluation prepares its images as training does. A node has it as an input:
///
///     spec.input("through", &Evaluate::through).doc("...");         // Passage through;
///     from = { model = "twin.model", data = "glyphs.test", through = "norm" }         # or ["crop", "norm"]
///
/// Set while the graph is checked, before a node's own check; from open() on, apply() may be called, by any
/// thread.
class Passage {
 public:
  struct Stop {
    std::string name;
    const NodeInfo* info;
    std::shared_ptr<const Node> node;
  };

  bool empty() const { return stops_.empty(); }
  std::vector<std::string> names() const;
  /// What leaves for images of that shape; empty where only the run will tell.
  std::optional<ImageShape> shape(std::optional<ImageShape> images) const;

  /// The batch may be unread. Maps that draw, draw for `item`: the same for the same item. Throws what they
  /// throw.
  ImageBatch apply(ImageBatch batch, const Item& item) const;

  void add(Stop stop) { stops_.push_back(std::move(stop)); }

 private:
  std::vector<Stop> stops_;
};

}  // namespace twinflow
