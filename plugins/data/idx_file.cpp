#include "idx_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <string>

#include "twinflow/error.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_side = 32767;  // of an image, in pixels

/// A file's bytes, unpacked where they are packed. By zlib: libarchive does not verify gzip's checksum.
class Unpacked {
 public:
  explicit Unpacked(const fs::path& path) : path_(path), file_(nullptr, gzclose) {
    if (fs::is_directory(path)) fail("is a folder, not a file");
    file_.reset(gzopen(path.c_str(), "rb"));
    if (!file_) fail(fmt::format("cannot be opened: {}", std::strerror(errno)));
  }

  /// Fills `to` as far as there is something; returns how many bytes it was.
  std::size_t read(std::span<std::uint8_t> to) {
    const std::size_t got = gzfread(to.data(), 1, to.size(), file_.get());
    int error = Z_OK;
    const char* why = gzerror(file_.get(), &error);
    if (error == Z_BUF_ERROR) fail("is cut short: its compressed data do not end");
    if (error != Z_OK) fail(fmt::format("cannot be read: {}", error == Z_ERRNO ? std::strerror(errno) : why));
    return got;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(fmt::format("{} {}", path_.string(), what));
  }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

std::vector<std::size_t> read_shape(Unpacked& file, std::size_t dimensions) {
  std::array<std::uint8_t, 4> word;
  if (file.read(word) < word.size())
    file.fail("is no IDX file: it has not even the 4 bytes of the magic number");
  if (word[0] != 0 || word[1] != 0)
    file.fail(fmt::format("is no IDX file: it begins with {:02x} instead of 000008{:02x}",
                          fmt::join(word, ""), dimensions));
  if (word[2] != 8)
    file.fail(fmt::format("holds values of type 0x{:02x}; expected bytes, type 0x08", word[2]));
  if (word[3] != dimensions)
    file.fail(fmt::format("has {} dimensions; expected {}", word[3],
                          dimensions == 3 ? "3, images x height x width" : "1, one label for each image"));
  std::vector<std::size_t> shape;
  for (std::size_t i = 0; i < dimensions; ++i) {
    if (file.read(word) < word.size()) file.fail("is cut short within its dimensions");
    shape.push_back(std::size_t{word[0]} << 24 | word[1] << 16 | word[2] << 8 | word[3]);
  }
  return shape;
}

}  // namespace

IdxFile read_idx(const fs::path& path, std::size_t dimensions, std::size_t most) {
  Unpacked file(path);
  IdxFile made{read_shape(file, dimensions), {}};
  const std::string shape = fmt::format("{}", fmt::join(made.shape, " x "));
  std::size_t expected = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t length = made.shape[i];
    if (length == 0) file.fail(fmt::format("is empty: it holds {} values", shape));
    if (i > 0 && length > largest_side)
      file.fail(fmt::format("claims to hold images of {} x {} pixels; expected at most {} a side",
                            made.shape[1], made.shape[2], largest_side));
    if (length > most / expected)
      file.fail(fmt::format("claims to hold {} bytes, more than the {} that are read", shape, most));
    expected *= length;
  }

  // Memory grows with what is there, not with what the dimensions claim.
  constexpr std::size_t block = std::size_t{1} << 22;
  while (made.values.size() < expected) {
    const std::size_t before = made.values.size(), wanted = std::min(block, expected - before);
    made.values.resize(before + wanted);
    const std::size_t got = file.read(std::span(made.values).subspan(before));
    if (got < wanted)
      file.fail(fmt::format("is cut short: {} bytes of {} ({}) are there", before + got, expected, shape));
  }
  std::uint8_t more;
  if (file.read({&more, 1}) > 0)  // reads to the end, and so checks the checksum
    file.fail(fmt::format("goes on after the {} bytes ({}) that it should hold", expected, shape));
  return made;
}

}  // namespace twinflow::data
