#include "plugins/monitor/model_folder.h"

#include <doctest/doctest.h>

#include "temp_folder.h"
#include "twinflow/error.h"

using namespace twinflow::monitor;

TEST_CASE("model folder: names") {
  const ModelFolder folder("run", "best");
  CHECK(folder.file(120) == "run/best-step-120.safetensors");
  CHECK(folder.link() == "run/best.safetensors");
  CHECK(folder.link("one_shot.auc") == "run/best-one_shot.auc.safetensors");
  CHECK(folder.link("accuracy/Greek") == "run/best-accuracy_Greek.safetensors");
}

TEST_CASE("model folder: a link stands for one model, then for another, and may be moved with the folder") {
  const TempFolder temp;
  const ModelFolder folder(temp.path / "run", "best");
  temp.write("run/best-step-1.safetensors", "one");
  temp.write("run/best-step-2.safetensors", "two");
  folder.point(folder.link(), 1);
  CHECK(read_file(folder.link()) == "one");
  std::filesystem::create_symlink("nowhere", folder.link().string() + ".tmp");  // of a run that was killed
  folder.point(folder.link(), 2);
  CHECK_FALSE(std::filesystem::is_symlink(folder.link().string() + ".tmp"));
  std::filesystem::rename(temp.path / "run", temp.path / "moved");
  CHECK(read_file(temp.path / "moved/best.safetensors") == "two");
  CHECK_THROWS_WITH_AS(
      folder.point(folder.link(), 1),
      ("cannot create the link '" + folder.link().string() + "': No such file or directory").c_str(),
      twinflow::Error);
}

TEST_CASE("model folder: which models there are, and what is removed") {
  const TempFolder temp;
  const ModelFolder folder(temp.path, "best");
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
