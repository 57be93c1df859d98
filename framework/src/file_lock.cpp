#include "file_lock.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace twinflow {

FileLock::FileLock(const Folder& folder, const std::string& name) : file_(folder.open(name)) {
  // Whoever held the lock may have replaced or removed the file before it was locked here.
  while ((reason_ = try_to_lock()) == 0 && !file_.in_place()) file_ = folder.open(name);
  if (reason_ == EACCES || reason_ == EAGAIN)
    state_ = State::taken;
  else if (reason_ != 0)
    state_ = State::unavailable;
}

int FileLock::try_to_lock() {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (::fcntl(file_.descriptor(), F_OFD_SETLK, &whole) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

std::string FileLock::reason() const { return std::strerror(reason_); }

}  // namespace twinflow
