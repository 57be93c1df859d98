#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "csv.h"
#include "twinflow/dataset.h"

namespace twinflow::data {

/// Pairs of image files that somebody has judged, and what they are for.
struct PairList {
  enum class Part { train, validation, test };
  static constexpr std::array<const char*, 3> part_names = {"train", "validation", "test"};

  struct Image {
    std::filesystem::path file;
    std::string name;   // as the list has it first
    std::string where;  // the field that names it first: "pairs.csv:7: left 'anna/3.png'"
  };
  std::vector<Image> images;      // each once, in the order of the list
  std::vector<ListedPair> pairs;  // of `images`, in the order of the list
  std::vector<Part> parts;        // of each pair

  /// The pairs of one part.
  std::vector<ListedPair> of(Part part) const;
  /// Says which images stand in several parts; "" when none does.
  std::string shared_images() const;
};

/// From the columns `left` and `right`, paths relative to `folder`, `label`, "same", "different", 0 or 1, and
/// `split`, the name of a part; without that column, all is for training. Throws Error, naming file, line and
/// field, for other columns or missing ones, for no line at all, a label or part of another name, a file that
/// is not there, a pair of an image with itself, and a pair, whichever way round, that stands there already
/// with another label or in another part.
PairList read_pair_list(const Csv& csv, const std::filesystem::path& folder, std::uint8_t label_of_same);

}  // namespace twinflow::data
