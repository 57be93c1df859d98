#pragma once

#include <cstdint>
#include <string>

namespace twinflow::twin {

/// The head of a .npy file (format 1.0) of rows x columns f32 numbers, little-endian, row-major, which follow
/// it. It has the same length whatever the numbers: a file can be written before it is known how many rows
/// there are.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
std::string npy_header(std::uint64_t rows, std::uint64_t columns);

}  // namespace twinflow::twin
