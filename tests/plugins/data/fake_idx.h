#pragma once

#include <zlib.h>

#include <string>
#include <vector>

#include "temp_folder.h"

/// Files in the format of MNIST.
namespace fake {

/// `magic` is 2051 for images, 2049 for labels.
inline std::string idx(std::uint32_t magic, const std::vector<std::uint32_t>& shape,
                       const std::string& values) {
  std::string bytes;
  const auto add = [&](std::uint32_t word) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(word >> shift);
  };
  add(magic);
  for (const std::uint32_t length : shape) add(length);
  return bytes + values;
}

inline std::string gzip(const TempFolder& temp, const std::string& bytes) {
  const std::string file = (temp.path / "packing.gz").string();
  const gzFile packed = gzopen(file.c_str(), "wb");
  gzwrite(packed, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(packed);
  return read_file(file);
}

}  // namespace fake
