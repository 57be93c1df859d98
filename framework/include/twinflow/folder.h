#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twinflow/error.h"

namespace twinflow {

/// A write into a folder that takes no more: its path does not name that folder any more, or the run has
/// given it up. The run reports it once; a node lets it pass.
class FolderClosed : public Error {
 public:
  using Error::Error;
  ~FolderClosed() override;
};

class FolderFile;

/// A folder that is held open. Every file in it is reached through the open folder, never through the path:
/// when the folder is moved and another one takes its place, nothing gets into the other one. Before each
/// write the path is looked at: once it does not name this folder any more, that write and all later ones
/// throw FolderClosed.
///
/// A name is that of an entry of the folder, without '/'. Symbolic links are never followed, and a temporary
/// file never writes into what lies at its name. New files have the permissions that the umask leaves of
/// 0666. Copies stand for the same open folder. Safe from any thread; calls throw Error naming the file and
/// the system's reason.
class Folder {
 public:
  /// Opens a folder that exists. `shown`: what messages call it; empty: as it is opened.
  explicit Folder(const std::filesystem::path& path, const std::filesystem::path& shown = {});
  /// A folder inside of this one, made where there is none.
  Folder inside(const std::string& name) const;

  /// What messages call it. It may be relative.
  const std::filesystem::path& path() const;
  std::filesystem::path path_of(const std::string& name) const { return path() / name; }
  /// The same path whatever the working directory is.
  const std::filesystem::path& absolute_path() const;

  /// Writes a file so that a reader, or the next start after a crash, finds the old content or the new one
  /// whole: NAME.tmp, fsync, rename, fsync of the folder. On failure the old file is untouched.
  void write_atomically(const std::string& name, std::string_view content) const;
  /// The same for content that lies in several places.
  void write_atomically(const std::string& name, std::span<const std::string_view> parts) const;
  /// The same for a file too large to be held: it was written in this folder under the name `finished`.
  void replace(const std::string& finished, const std::string& name) const;

  /// A file as it is; made where there is none. Of regular files only.
  FolderFile open(const std::string& name) const;
  /// A new file; what lay at the name is removed.
  FolderFile begin(const std::string& name) const;
  /// A new file; empty where something of that name is there.
  std::optional<FolderFile> create(const std::string& name) const;

  /// In one step, which is on the disk when it returns; what is called `to` is replaced.
  void rename(const std::string& from, const std::string& to) const;
  /// Removes a file or a link. Nothing happens where there is none.
  void remove(const std::string& name) const;

  /// Whether there is a file or a link of that name, or anything else.
  bool exists(const std::string& name) const;
  bool is_regular(const std::string& name) const;
  /// What a symbolic link names; empty where there is no link.
  std::string link_target(const std::string& name) const;
  /// The names of all entries, in no order.
  std::vector<std::string> names() const;

  /// Looks at the path; throws FolderClosed where the folder takes no more writes.
  void require_open() const;
  /// Whether some call threw FolderClosed, or close() was called. Does not look at the path.
  bool closed() const;
  /// From here on all writes throw FolderClosed with this message.
  void close(const std::string& why) const;

  /// For system calls that take a directory.
  int descriptor() const;

 private:
  friend class FolderFile;
  struct Held;
  bool in_place() const;
  explicit Folder(std::shared_ptr<Held> held) : held_(std::move(held)) {}
  int open_entry(const std::string& name, int flags) const;
  void sync_entries(const std::string& name) const;
  [[noreturn]] void fail(const char* what, const std::string& name, int reason) const;

  std::shared_ptr<Held> held_;
};

/// An open file of a folder, for reading and writing. Calls throw Error naming the file and the system's
/// reason, or FolderClosed. Belongs to one thread at a time.
class FolderFile {
 public:
  FolderFile(FolderFile&& other) noexcept;
  FolderFile& operator=(FolderFile&& other) noexcept;
  ~FolderFile();

  const Folder& folder() const { return folder_; }
  const std::string& name() const { return name_; }
  std::filesystem::path path() const { return folder_.path_of(name_); }
  int descriptor() const { return descriptor_; }

  std::uint64_t size() const;
  void resize(std::uint64_t size);
  /// At most `length` bytes from there; fewer at the file's end.
  std::string read(std::uint64_t offset, std::size_t length) const;
  /// Where its last whole line ends: behind its last '\n', or 0 where it has none.
  std::uint64_t end_of_lines() const;
  /// Writes all of it there, over what is there.
  void write(std::uint64_t offset, std::string_view bytes);
  /// Writes the first `length` bytes of another file over this file's.
  void copy(const FolderFile& other, std::uint64_t length);
  /// What was written is on the disk when it returns.
  void sync();
  /// Whether its name in the folder still stands for this file.
  bool in_place() const;

 private:
  friend class Folder;
  FolderFile(Folder folder, std::string name, int descriptor)
      : folder_(std::move(folder)), name_(std::move(name)), descriptor_(descriptor) {}

  Folder folder_;
  std::string name_;
  int descriptor_ = -1;
};

}  // namespace twinflow
