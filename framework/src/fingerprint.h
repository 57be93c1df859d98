#pragma once

#include <map>
#include <memory>
#include <string>

#include "twinflow/dataset.h"

namespace twinflow {

/// Tells data sets apart: a short text that follows from the classes with their groups and images, who drew
/// them, tasks, pairs, and the pixels; of images that are decoded when looked at, by PixelStore::decoded_hash
/// and, where they have some, their names. It does not depend on the number of threads, nor on the machine.
class Fingerprints {
 public:
  /// "19280 images of 964 classes, xxh64 0123456789abcdef"
  std::string of(const Dataset& data);

 private:
  std::uint64_t of_pixels(const std::shared_ptr<const PixelStore>& store);
  std::map<std::shared_ptr<const PixelStore>, std::uint64_t> stores_;  // parts of a data set share theirs
};

}  // namespace twinflow
