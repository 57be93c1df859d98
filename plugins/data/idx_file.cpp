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
#include <system_error>

#include "twinflow/error.h"
#include "twinflow/memory.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t largest_side = 32767;  // of an image, in pixels

}  // namespace

/// A file's bytes, unpacked where they are packed. By zlib: libarchive does not verify gzip's checksum.
class IdxFile::Unpacked {
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

  bool packed() const { return !gzdirect(file_.get()); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

namespace {

template <class Unpacked>
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

IdxFile::IdxFile(const fs::path& path, std::size_t dimensions, std::size_t most)
    : file_(std::make_unique<Unpacked>(path)), shape_(read_shape(*file_, dimensions)) {
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::size_t length = shape_[i];
    if (length == 0) file_->fail(fmt::format("is empty: it holds {} values", shape_text()));
    if (i > 0 && length > largest_side)
      file_->fail(fmt::format("claims to hold images of {} x {} pixels; expected at most {} a side",
                              shape_[1], shape_[2], largest_side));
    if (length > most / size_)
      file_->fail(fmt::format("claims to hold {} bytes, more than the {} that are read", shape_text(), most));
    size_ *= length;
  }
  std::error_code none;  // not a regular file: reading it will tell
  const std::uintmax_t there = fs::file_size(path, none);
  if (none) return;
  const std::uintmax_t head = 4 + 4 * dimensions;
  constexpr std::uintmax_t deflate_at_best = 1032;  // to one, says zlib's documentation
  if (!file_->packed() && there - head < size_)
    file_->fail(
        fmt::format("is cut short: {} bytes of {} ({}) are there", there - head, size_, shape_text()));
  if (file_->packed() && there < size_ / deflate_at_best)
    file_->fail(fmt::format("claims to hold {} bytes ({}), which its {} compressed bytes cannot be", size_,
                            shape_text(), there));
}

IdxFile::~IdxFile() = default;

std::string IdxFile::shape_text() const { return fmt::format("{}", fmt::join(shape_, " x ")); }

std::vector<std::uint8_t> IdxFile::read() {
  require_memory(usable_memory(), static_cast<double>(size_),
                 fmt::format("{}: an array of {} bytes", file_->path().string(), shape_text()),
                 "take a file with fewer images");
  // Memory grows with what is there, not with what the dimensions claim: what is reserved is not yet taken.
  constexpr std::size_t block = std::size_t{1} << 22;
  std::vector<std::uint8_t> values;
  values.reserve(size_);
  while (values.size() < size_) {
    const std::size_t before = values.size(), wanted = std::min(block, size_ - before);
    values.resize(before + wanted);
    const std::size_t got = file_->read(std::span(values).subspan(before));
    if (got < wanted)
      file_->fail(
          fmt::format("is cut short: {} bytes of {} ({}) are there", before + got, size_, shape_text()));
  }
  std::uint8_t more;
  if (file_->read({&more, 1}) > 0)  // reads to the end, and so checks the checksum
    file_->fail(fmt::format("goes on after the {} bytes ({}) that it should hold", size_, shape_text()));
  return values;
}

}  // namespace twinflow::data
