#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "twinflow/dataset.h"

/// Parts of a data set by whole groups, so that no class of one part is in another.
namespace twinflow::data {

/// The classes of those groups, in the order of the whole; it shares the pixels. `groups` are indices into
/// whole.groups, in ascending order.
Dataset part_of(const Dataset& whole, const std::vector<std::size_t>& groups, std::string description);

/// All groups, 0 .. count-1, that are not in `groups`, in ascending order.
std::vector<std::size_t> others(std::size_t count, const std::vector<std::size_t>& groups);

/// The groups of those names, in ascending order. Throws Error, with the nearest name, when there is none of
/// a name.
std::vector<std::size_t> groups_named(const Dataset& whole, const std::vector<std::string>& names);

/// "omniglot background, 20 alphabets, 640 characters, 12800 images".
std::string summary(const std::string& what, const Dataset& data);

}  // namespace twinflow::data
