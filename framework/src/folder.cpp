#include "twinflow/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <utility>

namespace twinflow {

namespace fs = std::filesystem;

namespace {

constexpr mode_t file_mode = 0666;  // less what the umask takes

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

FolderClosed::~FolderClosed() = default;

struct Folder::Held {
  Held(fs::path shown, fs::path whole, int opened)
      : path(std::move(shown)), absolute(std::move(whole)), descriptor(opened) {}
  ~Held() { ::close(descriptor); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  const fs::path path, absolute;
  const int descriptor;
  std::atomic<bool> closed{false};
  std::mutex mutex;  // guards what follows
  std::string why;
};

Folder::Folder(const fs::path& path, const fs::path& shown) {
  const fs::path& called = shown.empty() ? path : shown;
  const int opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0)
    throw Error(fmt::format("cannot open the folder '{}': {}", called.string(), std::strerror(errno)));
  held_ = std::make_shared<Held>(called, fs::absolute(path), opened);
}

Folder Folder::inside(const std::string& name) const {
  require_open();
  if (::mkdirat(held_->descriptor, name.c_str(), 0777) != 0 && errno != EEXIST)
    fail("create the folder", name, errno);
  const int opened =
      ::openat(held_->descriptor, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (opened < 0) fail("open the folder", name, errno);
  return Folder(std::make_shared<Held>(path_of(name), held_->absolute / name, opened));
}

const fs::path& Folder::path() const { return held_->path; }
const fs::path& Folder::absolute_path() const { return held_->absolute; }
int Folder::descriptor() const { return held_->descriptor; }

void Folder::fail(const char* what, const std::string& name, int reason) const {
  throw Error(fmt::format("cannot {} '{}': {}", what, path_of(name).string(), std::strerror(reason)));
}

void Folder::close(const std::string& why) const {
  const std::lock_guard lock(held_->mutex);
  if (!held_->closed) held_->why = why;
  held_->closed = true;
}

bool Folder::closed() const { return held_->closed; }

bool Folder::in_place() const {
  struct stat held, found;
  if (::fstat(held_->descriptor, &held) != 0) return true;
  if (::stat(held_->absolute.c_str(), &found) == 0) return same_file(held, found);
  return errno != ENOENT && errno != ENOTDIR && errno != ELOOP;  // unknown, as when a server does not answer
}

void Folder::require_open() const {
  if (!held_->closed && !in_place())
    close(fmt::format(
        "'{}' was moved, removed or replaced while the run was writing there: nothing more is written",
        path().string()));
  if (!held_->closed) return;
  const std::lock_guard lock(held_->mutex);
  throw FolderClosed(held_->why);
}

int Folder::open_entry(const std::string& name, int flags) const {
  require_open();
  return ::openat(held_->descriptor, name.c_str(), flags | O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
                  file_mode);
}

FolderFile Folder::open(const std::string& name) const {
  // Without O_NONBLOCK, a named pipe could hold up the run.
  const int opened = open_entry(name, O_NONBLOCK);
  const int reason = errno;
  if (opened < 0 && reason == ELOOP)
    throw Error(fmt::format("cannot write '{}': it is a symbolic link", path_of(name).string()));
  if (opened < 0) fail("write", name, reason);
  FolderFile file(*this, name, opened);
  struct stat found;
  if (::fstat(opened, &found) != 0) fail("write", name, errno);
  if (!S_ISREG(found.st_mode))
    throw Error(fmt::format("cannot write '{}': it is not a regular file", path_of(name).string()));
  return file;
}

FolderFile Folder::begin(const std::string& name) const {
  require_open();
  // What lies there, a link or a pipe perhaps, is not opened.
  if (::unlinkat(held_->descriptor, name.c_str(), 0) != 0 && errno != ENOENT) fail("create", name, errno);
  const int opened = open_entry(name, O_EXCL);
  if (opened < 0) fail("create", name, errno);
  return FolderFile(*this, name, opened);
}

std::optional<FolderFile> Folder::create(const std::string& name) const {
  const int opened = open_entry(name, O_EXCL);
  if (opened < 0 && errno == EEXIST) return std::nullopt;
  if (opened < 0) fail("create", name, errno);
  return FolderFile(*this, name, opened);
}

void Folder::write_atomically(const std::string& name, std::string_view content) const {
  write_atomically(name, std::span(&content, 1));
}

void Folder::write_atomically(const std::string& name, std::span<const std::string_view> parts) const {
  const std::string temporary = name + ".tmp";  // one name: kills leave one file, not many
  require_open();
  if (::unlinkat(held_->descriptor, temporary.c_str(), 0) != 0 && errno != ENOENT)
    fail("create", name, errno);
  const int opened = open_entry(temporary, O_EXCL);
  if (opened < 0) fail("create", name, errno);
  try {
    const FolderFile out(*this, temporary, opened);
    for (std::string_view part : parts)
      while (!part.empty()) {
        const ssize_t written = ::write(opened, part.data(), part.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("write", name, errno);
        part.remove_prefix(static_cast<std::size_t>(written));
      }
    if (::fsync(opened) != 0) fail("write", name, errno);
    require_open();
    if (::renameat(held_->descriptor, temporary.c_str(), held_->descriptor, name.c_str()) != 0)
      fail("rename a new file to", name, errno);
  } catch (...) {
    ::unlinkat(held_->descriptor, temporary.c_str(), 0);  // also where the folder is not in its place
    throw;
  }
  sync_entries(name);
}

void Folder::replace(const std::string& finished, const std::string& name) const {
  open(finished).sync();
  rename(finished, name);
}

void Folder::sync_entries(const std::string& name) const {
  if (::fsync(held_->descriptor) != 0 && errno != EINVAL) fail("write the folder of", name, errno);
}

void Folder::rename(const std::string& from, const std::string& to) const {
  require_open();
  if (::renameat(held_->descriptor, from.c_str(), held_->descriptor, to.c_str()) != 0)
    throw Error(fmt::format("cannot rename '{}' to '{}': {}", path_of(from).string(), path_of(to).string(),
                            std::strerror(errno)));
  sync_entries(to);
}

void Folder::remove(const std::string& name) const {
  require_open();
  if (::unlinkat(held_->descriptor, name.c_str(), 0) != 0 && errno != ENOENT) fail("remove", name, errno);
}

bool Folder::exists(const std::string& name) const {
  struct stat found;
  return ::fstatat(held_->descriptor, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
}

bool Folder::is_regular(const std::string& name) const {
  struct stat found;
  return ::fstatat(held_->descriptor, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISREG(found.st_mode);
}

std::string Folder::link_target(const std::string& name) const {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = ::readlinkat(held_->descriptor, name.c_str(), target.data(), target.size());
  target.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
  return target;
}

std::vector<std::string> Folder::names() const {
  // A descriptor of its own: the position in a directory belongs to the open file.
  const int opened = ::openat(held_->descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(opened < 0 ? nullptr : ::fdopendir(opened), &::closedir);
  if (!entries)
    throw Error(fmt::format("cannot read the folder '{}': {}", path().string(), std::strerror(errno)));
  std::vector<std::string> all;
  while (const dirent* entry = ::readdir(entries.get()))
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      all.emplace_back(entry->d_name);
  return all;
}

FolderFile::FolderFile(FolderFile&& other) noexcept
    : folder_(other.folder_),
      name_(std::move(other.name_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderFile& FolderFile::operator=(FolderFile&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(name_, other.name_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FolderFile::~FolderFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::uint64_t FolderFile::size() const {
  struct stat found;
  if (::fstat(descriptor_, &found) != 0) folder_.fail("read", name_, errno);
  return static_cast<std::uint64_t>(found.st_size);
}

void FolderFile::resize(std::uint64_t size) {
  folder_.require_open();
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) folder_.fail("write", name_, errno);
}

std::string FolderFile::read(std::uint64_t offset, std::size_t length) const {
  std::string bytes(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const ssize_t some =
        ::pread(descriptor_, bytes.data() + got, length - got, static_cast<off_t>(offset + got));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) folder_.fail("read", name_, errno);
    if (some == 0) break;
    got += static_cast<std::size_t>(some);
  }
  bytes.resize(got);
  return bytes;
}

std::uint64_t FolderFile::end_of_lines() const {
  constexpr std::uint64_t block = 4096;
  for (std::uint64_t end = size(); end > 0;) {
    const std::uint64_t length = std::min(end, block), begin = end - length;
    if (const auto found = read(begin, length).rfind('\n'); found != std::string::npos)
      return begin + found + 1;
    end = begin;
  }
  return 0;
}

void FolderFile::copy(const FolderFile& other, std::uint64_t length) {
  constexpr std::uint64_t block = 1 << 20;
  for (std::uint64_t at = 0; at < length;) {
    const std::string bytes = other.read(at, std::min(block, length - at));
    if (bytes.empty()) throw Error(fmt::format("cannot read '{}': it ends early", other.path().string()));
    write(at, bytes);
    at += bytes.size();
  }
}

void FolderFile::write(std::uint64_t offset, std::string_view bytes) {
  folder_.require_open();
  while (!bytes.empty()) {
    const ssize_t some = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) folder_.fail("write", name_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(some));
    offset += static_cast<std::uint64_t>(some);
  }
}

void FolderFile::sync() {
  if (::fsync(descriptor_) != 0) folder_.fail("write", name_, errno);
}

bool FolderFile::in_place() const {
  struct stat held, found;
  return ::fstat(descriptor_, &held) == 0 &&
         ::fstatat(folder_.descriptor(), name_.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
         same_file(held, found);
}

}  // namespace twinflow
