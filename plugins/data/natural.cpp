#include "natural.h"

#include <algorithm>
#include <cstddef>

namespace twinflow::data {

namespace {

constexpr std::string_view digits = "0123456789";

/// Cuts the number that `text` begins with off it; without its leading zeros.
std::string_view take_number(std::string_view& text) {
  std::string_view number = text.substr(0, text.find_first_not_of(digits));
  text.remove_prefix(number.size());
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

bool starts_with_digit(std::string_view text) {
  return !text.empty() && digits.find(text.front()) != std::string_view::npos;
}

}  // namespace

// Not strverscmp: it takes digits behind a leading zero for a fraction, so "010" comes before "09".
bool natural_less(std::string_view a, std::string_view b) {
  std::string_view left = a, right = b;
  while (!left.empty() && !right.empty()) {
    if (starts_with_digit(left) && starts_with_digit(right)) {
      const std::string_view one = take_number(left), other = take_number(right);
      if (one.size() != other.size()) return one.size() < other.size();
      if (one != other) return one < other;
    } else {
      if (left.front() != right.front()) return left.substr(0, 1) < right.substr(0, 1);  // by bytes
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
  }
  if (left.empty() != right.empty()) return left.empty();
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

}  // namespace twinflow::data
