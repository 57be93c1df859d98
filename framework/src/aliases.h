#pragma once

#include <string>
#include <string_view>

namespace twinflow {

/// What a type that other libraries call `name` is called here: "l2" for the distance "euclidean"; "" for a
/// name that is not known. It is only suggested, never taken.
std::string alias_of(std::string_view kind, std::string_view name);

}  // namespace twinflow
