#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace twinflow::data {

/// An array of bytes from an IDX file, the format of MNIST (LeCun, Cortes & Burges, "The MNIST database of
/// handwritten digits"): two zero bytes, 0x08 for bytes, the number of dimensions, then each dimension as 32
/// bits, the highest byte first, then the values, row-major.
struct IdxFile {
  std::vector<std::size_t> shape;
  std::vector<std::uint8_t> values;
};

/// Plain, or compressed with gzip. Throws Error, naming the file and what was expected, when it cannot be
/// read, holds something else than bytes in `dimensions` dimensions, more of them than `most` (before any
/// memory is taken for them), fewer or more than its dimensions say, or when its checksum is wrong.
IdxFile read_idx(const std::filesystem::path& path, std::size_t dimensions,
                 std::size_t most = std::size_t{1} << 32);

}  // namespace twinflow::data
