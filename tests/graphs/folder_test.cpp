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

TEST_CASE("a run is not resumed with other images, though they are beyond the memory budget") {
  const TempFolder temp;
  bars::write_folder(temp);
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all{graph("folder.toml"), "--set", "images.path=mine",      "--set",
                                 "images.memory=0",    "--set", "run.steps_per_epoch=2", "--set",
                                 "one_shot.trials=10"};
    all.insert(all.end(), more.begin(), more.end());
    return flowrun(temp, all);
  };
  REQUIRE(run({"--epochs", "1", "--output", "out"}).exit_code == 0);
  for (int of_class = 0; of_class < 25; ++of_class)  // noise, of the names and the sizes that were there
    for (int sample = 0; sample < 4; ++sample) {
      std::string picture = bars::picture(of_class, sample);
      for (std::size_t i = 12; i < picture.size(); ++i) picture[i] = static_cast<char>(i * i * 31 >> 3);
      temp.write(fmt::format("mine/class{}/{}.ppm", of_class, sample), picture);
    }
  const Finished refused = run({"--epochs", "2", "--resume", "out"});
  CHECK(refused.exit_code == 2);
  CHECK(refused.errors.find("data images.train: other images or classes than before") != refused.errors.npos);
  const Finished allowed = run({"--epochs", "2", "--resume", "out", "--allow-changes"});
  CHECK(allowed.exit_code == 0);
}
