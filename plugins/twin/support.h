#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "nearest_class.h"
#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {

/// What classes look like to a model, each shown in one image or a few: of which class is another image?
class Support {
 public:
  struct Answer {
    std::size_t nearest = 0;                                   // class; of several as near the first
    double distance = 0.0;                                     // to it
    double margin = std::numeric_limits<double>::quiet_NaN();  // how much farther the second one is, if any
  };

  /// Row i of `images` is of class of_class[i]; classes are 0, 1, ..., each with an image at least.
  Support(Embeddings images, std::vector<std::int32_t> of_class, Classify classify);

  /// For each row of `queries`, as that model sees them. Throws Error when a distance is not a finite number.
  std::vector<Answer> classify(const Model& model, const Embeddings& queries) const;

 private:
  Answer answer(std::span<const float> d) const;

  Classify classify_;
  std::size_t classes_ = 0;
  Embeddings rows_;                     // images or prototypes
  std::vector<std::int32_t> of_class_;  // of the images
};

}  // namespace twinflow::twin
