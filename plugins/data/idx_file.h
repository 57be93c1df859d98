#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace twinflow::data {

/// An array of bytes in an IDX file, the format of MNIST (LeCun, Cortes & Burges, "The MNIST database of
/// handwritten digits"): two zero bytes, 0x08 for bytes, the number of dimensions, then each dimension as 32
/// bits, the highest byte first, then the values, row-major.
class IdxFile {
 public:
  /// Plain, or compressed with gzip. Reads the dimensions only. Throws Error, naming the file and what was
  /// expected, when it cannot be read, holds something else than bytes in `dimensions` dimensions, or states
  /// more of them than `most`, or than a file of its size can hold.
  IdxFile(const std::filesystem::path& path, std::size_t dimensions, std::size_t most = std::size_t{1} << 32);
  ~IdxFile();

  const std::vector<std::size_t>& shape() const { return shape_; }
  std::size_t size() const { return size_; }  // their product: bytes

  /// All of them; once. Throws Error when there are fewer or more than the dimensions say, when the checksum
  /// is wrong, and when they do not fit into the memory that is left.
  std::vector<std::uint8_t> read();

 private:
  class Unpacked;
  std::string shape_text() const;

  std::unique_ptr<Unpacked> file_;
  std::vector<std::size_t> shape_;
  std::size_t size_ = 1;
};

}  // namespace twinflow::data
