#include "plugins/monitor/model_folder.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "temp_folder.h"
#include "twinflow/error.h"

using twinflow::Folder;
using twinflow::monitor::ModelFolder;

TEST_CASE("model folder: names") {
  const TempFolder temp;
  const ModelFolder folder(Folder(temp.path), "best");
  CHECK(folder.file(120) == "best-step-120.safetensors");
  CHECK(folder.link() == "best.safetensors");
  CHECK(folder.link("one_shot.auc") == "best-one_shot.auc.safetensors");
  CHECK(folder.link("accuracy/Greek") == "best-accuracy_Greek.safetensors");
}

TEST_CASE("model folder: a link stands for one model, then for another, and may be moved with the folder") {
  const TempFolder temp;
  temp.write("run/best-step-1.safetensors", "one");
  temp.write("run/best-step-2.safetensors", "two");
  const ModelFolder folder(Folder(temp.path / "run"), "best");
  const auto link = temp.path / "run/best.safetensors", fresh = temp.path / "run/best.safetensors.tmp";
  folder.point(folder.link(), 1);
  CHECK(read_file(link) == "one");
  std::filesystem::create_symlink("nowhere", fresh);  // of a run that was killed
  folder.point(folder.link(), 2);
  CHECK_FALSE(std::filesystem::is_symlink(fresh));
  CHECK(std::filesystem::read_symlink(link) == "best-step-2.safetensors");
  std::filesystem::create_directory(fresh);
  CHECK_THROWS_WITH_AS(folder.point(folder.link(), 1),
                       ("cannot remove '" + fresh.string() + "': Is a directory").c_str(), twinflow::Error);
  std::filesystem::rename(temp.path / "run", temp.path / "moved");
  CHECK(read_file(temp.path / "moved/best.safetensors") == "two");
  CHECK_THROWS_AS(folder.point(folder.link(), 1), twinflow::FolderClosed);
}

TEST_CASE("model folder: which models there are, and what is removed") {
  const TempFolder temp;
  const ModelFolder folder(Folder(temp.path), "best");
  for (const char* name :
       {"best-step-1.safetensors", "best-step-20.safetensors", "best-step-3.safetensors.tmp",
        "best-step-20x.safetensors", "best-step--1.safetensors", "best.safetensors",
        "best-step-99999999999999999999.safetensors", "test-step-5.safetensors"})
    temp.write(name, "");
  std::filesystem::create_directory(temp.path / "best-step-4.safetensors");
  CHECK(folder.steps() == std::set<std::uint64_t>{1, 4, 20});
  folder.remove_others({20});
  CHECK(folder.steps() == std::set<std::uint64_t>{4, 20});  // a folder is nobody's model
  CHECK_FALSE(std::filesystem::exists(temp.path / "best-step-3.safetensors.tmp"));
  std::size_t left = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(temp.path)) ++left;
  CHECK(left == 7);
}

TEST_CASE("model folder: where links cannot be made, a copy has the link's name") {
  const TempFolder temp;
  temp.write("best-step-1.safetensors", "one");
  temp.write("best-step-2.safetensors", std::string(3'000'000, 'x') + "two");
  static int tried = 0;
  tried = 0;
  const ModelFolder folder(Folder(temp.path), "best", [](const char*, int, const char*) {
    ++tried;
    errno = EPERM;
    return -1;
  });
  const auto link = temp.path / "best.safetensors";
  folder.point(folder.link(), 1);
  CHECK(std::filesystem::is_regular_file(std::filesystem::symlink_status(link)));
  CHECK(read_file(link) == "one");
  folder.point(folder.link(), 2);
  CHECK(read_file(link) == read_file(temp.path / "best-step-2.safetensors"));
  CHECK(tried == 2);
  folder.point(folder.link(), 2);  // it is that model already
  CHECK(tried == 2);
  CHECK(!std::filesystem::exists(link.string() + ".tmp"));
  CHECK_THROWS_WITH_AS(
      folder.point(folder.link(), 3),
      ("the model '" + (temp.path / "best-step-3.safetensors").string() + "' is not there any more").c_str(),
      twinflow::Error);
  CHECK(read_file(link) == read_file(temp.path / "best-step-2.safetensors"));
  // Moved to a file system that has links, the folder gets them again.
  ModelFolder(Folder(temp.path), "best").point(folder.link(), 1);
  CHECK(std::filesystem::read_symlink(link) == "best-step-1.safetensors");
}
