#include "files.h"

#include <fcntl.h>
#include <fmt/format.h>
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

}  // namespace

void write_atomically(const std::filesystem::path& file, std::string_view head, std::string_view body) {
  const std::filesystem::path temporary = file.string() + fmt::format(".{}.tmp", ::getpid());
  auto fail = [&](const char* what) {
    const int reason = errno;
    ::unlink(temporary.c_str());
    throw Error(fmt::format("cannot {} '{}': {}", what, file.string(), std::strerror(reason)));
  };
  {
    const Descriptor out(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (out.number < 0) fail("create");
    if (!write_all(out.number, head) || !write_all(out.number, body) || ::fsync(out.number) != 0)
      fail("write");
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) fail("rename a new file to");
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : ".";
  const Descriptor entry(folder, O_RDONLY | O_DIRECTORY);
  if (entry.number >= 0) ::fsync(entry.number);
}

}  // namespace twinflow
