#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fit.h"
#include "twinflow/dataset.h"

namespace twinflow::data {

struct Loading {
  Fit fit;                 // height and width 0: those of the first image
  std::size_t memory = 0;  // bytes of pixels that are kept; the images behind are decoded when looked at
  bool skip_bad = false;   // leave bad files out, rather than throw at the first one
  std::function<void(const std::string&)> say;  // progress
  /// Asked before the pixels that are kept are allocated (Node::will_hold); may throw.
  std::function<void(const std::string& what, double bytes, const std::string& advice)> will_hold = {};
};

struct Loaded {
  std::shared_ptr<const PixelStore> store;
  std::vector<std::optional<std::size_t>> places;  // of each file in the store; none where it was left out
  std::vector<std::string> skipped;                // why, for each that was left out, in the files' order
};

/// Decodes every file once, in parallel. What comes out does not depend on the number of threads, nor does
/// which bad file is named: it is the first one. `files` is not empty. The store's `decode` throws Error
/// naming a file whose pixels are not those that it had here.
Loaded load_images(std::vector<std::filesystem::path> files, const Loading& loading);

}  // namespace twinflow::data
