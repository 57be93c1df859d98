#include "growing_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "twinflow/error.h"
#include "twinflow/files.h"

namespace twinflow::twin {

void GrowingFile::require(bool good, const char* what) const {
  if (!good) throw Error(fmt::format("cannot {} '{}': {}", what, part().string(), std::strerror(errno)));
}

void GrowingFile::begin(const std::filesystem::path& file) {
  file_ = file;
  size_ = 0;
  stream_.open(part(), std::ios::in | std::ios::out | std::ios::binary | std::ios::trunc);
  require(stream_.good(), "create");
}

void GrowingFile::resume(const std::filesystem::path& file, std::uint64_t size) {
  file_ = file;
  size_ = size;
  std::error_code failed;
  if (!std::filesystem::exists(part())) std::filesystem::rename(file_, part(), failed);
  const std::uintmax_t found = failed ? 0 : std::filesystem::file_size(part(), failed);
  if (failed || found < size)
    throw Error(fmt::format(
        "'{}' cannot be gone on with: {}", part().string(),
        failed ? failed.message() : fmt::format("it has {} bytes of the {} that were saved", found, size)));
  std::filesystem::resize_file(part(), size);
  stream_.open(part(), std::ios::in | std::ios::out | std::ios::binary);
  require(stream_.good(), "open");
  stream_.seekp(0, std::ios::end);
}

void GrowingFile::append(std::string_view bytes) {
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  require(stream_.good(), "write");
  size_ += bytes.size();
}

void GrowingFile::overwrite_head(std::string_view bytes) {
  stream_.seekp(0);
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  stream_.seekp(0, std::ios::end);
  require(stream_.good(), "write");
}

void GrowingFile::save() {
  stream_.flush();
  require(stream_.good(), "write");
  sync_file(part());
}

void GrowingFile::finish() {
  stream_.close();
  require(stream_.good(), "write");
  replace_file(part(), file_);
}

void GrowingFile::close() {
  stream_.close();
  require(stream_.good(), "write");
}

}  // namespace twinflow::twin
