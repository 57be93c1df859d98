#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twinflow/tensors.h"

namespace twinflow::twin {

/// What of a file's weights a network can begin with. Names are those of tensors, in the order of the layers.
struct WeightsMatch {
  struct OtherShape {
    std::string name;
    std::vector<std::int64_t> in_file, here;
  };
  std::vector<std::string> kept;        // in both, of one shape
  std::vector<OtherShape> other_shape;  // in both, of two
  std::vector<std::string> fresh;       // in the network alone
  std::vector<std::string> unused;      // in the file alone

  /// For people: "kept: 0.conv, 1.batch_norm; other shape: 12.dense (256x2304 in the file, 128x2304 here);
  /// new: 14.dense; not used: 13.dense". A layer whose tensors share their fate is named once; what is empty
  /// is left out.
  std::string text() const;
};

/// Overwrites those of `weights` that the file has by the same name and in the same shape; the others stay as
/// they are. `file_name` is for sentences. Throws Error when there are none, or one holds what is not a
/// finite number; then `weights` are what they were.
WeightsMatch load_matching(NamedTensors& weights, const NamedTensors& file, const std::string& file_name);

}  // namespace twinflow::twin
