#include <doctest/doctest.h>

#include "bars.h"
#include "program.h"

TEST_CASE("a folder of own images, grey and in colour, in a short run") {
  const TempFolder temp;
  bars::write_folder(temp);
  for (const std::string mode : {"grey", "color"}) {
    CAPTURE(mode);
    const Finished run =
        flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine", "--set",
                       "images.color_mode=" + mode, "--epochs", "2", "--set", "run.steps_per_epoch=4",
                       "--set", "one_shot.trials=100", "--output", mode});
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    CHECK(run.output.find("20 classes, 80 images") != run.output.npos);
    CHECK(run.output.find("5 classes, 20 images") != run.output.npos);
    const auto result = run_result(temp, mode);
    CHECK(result["metrics"]["one_shot"]["accuracy"] > 0.2);  // chance
    CHECK(std::filesystem::exists(temp.path / mode / "best.safetensors"));
    CHECK(read_file(temp.path / mode / "seen.png").starts_with("\x89PNG"));
  }
}

TEST_CASE("a folder that is not there, and a class with one image, are named") {
  const TempFolder temp;
  const Finished nowhere = flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine"});
  CHECK(nowhere.exit_code == 1);
  CHECK(nowhere.errors.find("mine' does not exist") != nowhere.errors.npos);
  bars::write_folder(temp);
  temp.write("mine/lonely/1.ppm", bars::picture(1, 1));
  const Finished lonely = flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine"});
  CHECK(lonely.exit_code == 1);
  CHECK(lonely.errors.find("lonely") != lonely.errors.npos);
  CHECK(!std::filesystem::exists(temp.path / "runs"));
}
