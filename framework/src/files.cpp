#include "files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "twinflow/error.h"

namespace twinflow {

namespace {

class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : number(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int number;
};

bool write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// `fail` is told what did not succeed, with errno set, and throws.
template <class Fail>
void rename_into_place(const std::filesystem::path& finished, const std::filesystem::path& file,
                       const Fail& fail) {
  if (::rename(finished.c_str(), file.c_str()) != 0) fail("rename a new file to");
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const Descriptor entry(folder, O_RDONLY | O_DIRECTORY);
  if (entry.number < 0 || (::fsync(entry.number) != 0 && errno != EINVAL)) fail("write the folder of");
}

}  // namespace

void write_atomically(const std::filesystem::path& file, std::string_view content) {
  write_atomically(file, std::span(&content, 1));
}

void write_atomically(const std::filesystem::path& file, std::span<const std::string_view> parts) {
  const std::filesystem::path temporary = file.string() + ".tmp";  // one name: a kill leaves no heap of them
  auto fail = [&](const char* what) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    throw Error(fmt::format("cannot {} '{}': {}", what, file.string(), std::strerror(reason)));
  };
  {
    const Descriptor out(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (out.number < 0) fail("create");
    for (const std::string_view part : parts)
      if (!write_all(out.number, part)) fail("write");
    if (::fsync(out.number) != 0) fail("write");
  }
  rename_into_place(temporary, file, fail);
}

void replace_file(const std::filesystem::path& finished, const std::filesystem::path& file) {
  sync_file(finished);
  rename_into_place(finished, file, [&](const char* what) {
    throw Error(fmt::format("cannot {} '{}': {}", what, file.string(), std::strerror(errno)));
  });
}

void sync_file(const std::filesystem::path& file) {
  const Descriptor written(file, O_RDONLY);
  if (written.number < 0 || ::fsync(written.number) != 0)
    throw Error(fmt::format("cannot write '{}': {}", file.string(), std::strerror(errno)));
}

FolderLock::FolderLock(const std::filesystem::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  // Where a file system knows no locks, one does without.
  if (descriptor_ < 0 || ::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
  ::close(descriptor_);
  throw Error(fmt::format("'{}' is in use: another run is writing there", folder.string()));
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace twinflow
