#pragma once

#include <cstddef>

#include "twinflow/param.h"

namespace twinflow {

/// What every batch of classes of a stream is made of.
struct BatchForm {
  std::size_t classes = 0, images_per_class = 0;
};

/// A source that also derives from this says what its batches are made of: a pure function of the parameters,
/// asked while the graph is checked.
class MakesBatches {
 public:
  virtual ~MakesBatches();
  virtual BatchForm batch_form() const = 0;
};

/// A node that also derives from this checks whether it can learn from the batches that come, through maps or
/// not, on its first stream input. Called while the graph is checked, after the node's own check, where the
/// source says their form.
class LearnsFromBatches {
 public:
  virtual ~LearnsFromBatches();
  virtual void check_batches(const Checking& checking, const BatchForm& form) const = 0;
};

}  // namespace twinflow
