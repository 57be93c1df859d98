#include "twinflow/folder.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>

#include "error_of.h"
#include "temp_folder.h"
#include "twinflow/files.h"

using namespace twinflow;

namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat found {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

/// While it lives, another umask holds.
struct Umask {
  explicit Umask(mode_t mask) : before(umask(mask)) {}
  ~Umask() { umask(before); }
  const mode_t before;
};

}  // namespace

TEST_CASE("a folder's files have the permissions that the umask leaves") {
  const TempFolder temp;
  const Folder folder(temp.path);
  for (const mode_t mask : {0002, 0022, 0077}) {
    const Umask set(mask);
    const std::string name = std::to_string(mask);
    folder.write_atomically(name, "x");
    folder.open(name + "o");
    folder.begin(name + "b");
    REQUIRE(folder.create(name + "c"));
    folder.inside(name + "d");
    write_atomically(temp.path / (name + "w"), "x");
    for (const char* one : {"", "o", "b", "c", "w"})
      CHECK(mode_of(temp.path / (name + one)) == (0666 & ~mask));
    CHECK(mode_of(temp.path / (name + "d")) == (0777 & ~mask));
  }
}

TEST_CASE("no write follows a link, wherever it lies") {
  const TempFolder temp;
  const auto other = temp.write("other", "precious");
  fs::create_directory(temp.path / "run");
  const Folder folder(temp.path / "run");
  const auto link = [&](const char* name) { fs::create_symlink(other, temp.path / "run" / name); };
  link("a.tmp");
  folder.write_atomically("a", "new");
  CHECK(read_file(temp.path / "run/a") == "new");
  link("b");
  folder.write_atomically("b", "new");
  CHECK(!fs::is_symlink(temp.path / "run/b"));
  link("c");
  folder.begin("c").write(0, "new");
  CHECK(read_file(temp.path / "run/c") == "new");
  link("d");
  CHECK(error_of([&] { folder.open("d"); }) ==
        "cannot write '" + (temp.path / "run/d").string() + "': it is a symbolic link");
  CHECK(!folder.create("d"));
  fs::create_hard_link(other, temp.path / "run/e.tmp");
  folder.write_atomically("e", "new");
  fs::create_directory_symlink(temp.path, temp.path / "run/f");
  CHECK_THROWS_AS(folder.inside("f"), Error);
  CHECK(read_file(other) == "precious");
  CHECK(folder.link_target("d") == other);
  CHECK(folder.link_target("a").empty());
  CHECK(folder.is_regular("a"));
  CHECK(!folder.is_regular("d"));
  CHECK(folder.exists("d"));
  folder.remove("d");
  folder.remove("d");
  CHECK(!folder.exists("d"));
}

TEST_CASE("what is no regular file is not written to, and holds nothing up") {
  const TempFolder temp;
  const Folder folder(temp.path);
  REQUIRE(mkfifo((temp.path / "pipe").c_str(), 0666) == 0);
  CHECK(error_of([&] { folder.open("pipe"); }) ==
        "cannot write '" + (temp.path / "pipe").string() + "': it is not a regular file");
  REQUIRE(mkfifo((temp.path / "x.tmp").c_str(), 0666) == 0);
  folder.write_atomically("x", "new");
  CHECK(read_file(temp.path / "x") == "new");
  fs::create_directory(temp.path / "y.tmp");
  CHECK(error_of([&] { folder.write_atomically("y", "new"); }) ==
        "cannot create '" + (temp.path / "y").string() + "': Is a directory");
  CHECK(error_of([&] { Folder(temp.path / "none"); }) ==
        "cannot open the folder '" + (temp.path / "none").string() + "': No such file or directory");
}

TEST_CASE("a folder that was moved, removed or replaced takes no more writes, and the other one gets none") {
  for (const char* how : {"moved", "removed", "replaced"}) {
    CAPTURE(how);
    const TempFolder temp;
    const fs::path path = temp.path / "run";
    fs::create_directory(path);
    const Folder folder(path), copy = folder;
    FolderFile open = folder.open("open");
    open.write(0, "before");
    folder.write_atomically("whole", "before");
    fs::rename(path, temp.path / "elsewhere");
    if (std::string(how) == "removed") fs::remove_all(temp.path / "elsewhere");
    if (std::string(how) == "replaced") fs::create_directory(path);
    CHECK(!folder.closed());
    const std::string why =
        "'" + path.string() +
        "' was moved, removed or replaced while the run was writing there: nothing more is written";
    const auto refused = [&](auto&& write) {
      try {
        write();
      } catch (const FolderClosed& error) {
        return error.what() == why;
      }
      return false;
    };
    CHECK(refused([&] { folder.write_atomically("whole", "after"); }));
    CHECK(refused([&] { open.write(0, "after!"); }));
    CHECK(refused([&] { open.resize(0); }));
    CHECK(refused([&] { folder.open("new"); }));
    CHECK(refused([&] { folder.begin("new"); }));
    CHECK(refused([&] { folder.create("new"); }));
    CHECK(refused([&] { folder.inside("new"); }));
    CHECK(refused([&] { folder.rename("whole", "new"); }));
    CHECK(refused([&] { folder.remove("whole"); }));
    CHECK(copy.closed());
    if (std::string(how) != "removed") {
      CHECK(read_file(temp.path / "elsewhere/open") == "before");
      CHECK(read_file(temp.path / "elsewhere/whole") == "before");
    }
    if (std::string(how) == "replaced") {
      CHECK(fs::is_empty(path));
      fs::remove(path);
    }
    if (std::string(how) != "removed") fs::rename(temp.path / "elsewhere", path);
    CHECK(refused([&] { folder.require_open(); }));  // for good
  }
}

TEST_CASE("a folder is the same whatever the working directory is, and called as it was opened") {
  const TempFolder temp;
  const auto before = fs::current_path();
  fs::create_directory(temp.path / "run");
  fs::create_directory(temp.path / "other");
  fs::current_path(temp.path);
  const Folder folder("run");
  fs::current_path(temp.path / "other");
  folder.write_atomically("x", "new");
  folder.inside("sub").write_atomically("y", "new");
  fs::current_path(before);
  CHECK(read_file(temp.path / "run/x") == "new");
  CHECK(read_file(temp.path / "run/sub/y") == "new");
  CHECK(folder.path() == "run");
  CHECK(folder.absolute_path() == temp.path / "run");
  auto names = folder.names();
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"sub", "x"});
}
