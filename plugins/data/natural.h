#pragma once

#include <string_view>

namespace twinflow::data {

/// Names as people order them: numbers in them by their value, so img2 comes before img10, the rest by bytes.
/// Of names that differ in leading zeros only, "1" comes before "01".
bool natural_less(std::string_view a, std::string_view b);

}  // namespace twinflow::data
