#include "npy.h"

#include <fmt/format.h>

#include <bit>

namespace twinflow::twin {

static_assert(std::endian::native == std::endian::little,
              "the numbers of a .npy file are written as they are");

std::string npy_header(std::uint64_t rows, std::uint64_t columns) {
  constexpr std::size_t length = 128;  // a multiple of 64, as the format asks, with room for any two numbers
  constexpr std::size_t before = 10;   // magic, version, and the length of what comes
  const std::string text =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  const char head[] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, length - before, 0};
  return std::string(head, before) + fmt::format("{:<{}}\n", text, length - before - 1);
}

}  // namespace twinflow::twin
