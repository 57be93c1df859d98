#include "twinflow/read_bounded.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "twinflow/error.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

struct OpenFile {
  ~OpenFile() {
    if (number >= 0) ::close(number);
  }
  int number;
};

}  // namespace

std::string read_bounded(const std::filesystem::path& file, std::uint64_t most, const std::string& what) {
  const auto fail = [&](const std::string& why) {
    throw Error(fmt::format("the {} '{}' {}", what, shown(file.string()), why));
  };
  // A FIFO without a writer would block the call, but for O_NONBLOCK; on regular files that means nothing.
  const OpenFile in{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (in.number < 0 && errno == ENOENT) fail("does not exist");
  struct stat found {};
  if (in.number < 0 || ::fstat(in.number, &found) != 0)
    fail(fmt::format("cannot be read: {}", std::strerror(errno)));
  if (!S_ISREG(found.st_mode)) fail(fmt::format("is {}, not a regular file", kind_of(found.st_mode)));
  const auto check_size = [&](std::uint64_t size) {
    if (size > most) fail(fmt::format("is too large: at most {} bytes are read", most));
  };
  check_size(static_cast<std::uint64_t>(found.st_size));
  std::string content;
  content.reserve(static_cast<std::size_t>(found.st_size));
  char block[1 << 16];
  for (;;) {  // to its end: it may grow meanwhile, and files of the kernel state a size of 0
    const ssize_t count = ::read(in.number, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(fmt::format("cannot be read: {}", std::strerror(errno)));
    if (count == 0) return content;
    content.append(block, static_cast<std::size_t>(count));
    check_size(content.size());
  }
}

}  // namespace twinflow
