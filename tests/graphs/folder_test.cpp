#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "program.h"

namespace {

/// A class is a number of bars of a brightness, an image of it its own place: as PPM, in colour, of several
/// sizes.
std::string picture(int of_class, int sample) {
  const int width = 40 + sample, height = 60 - 2 * sample;
  std::string file = fmt::format("P6 {} {} 255\n", width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int period = 4 + of_class;
      const bool bar = (of_class % 2 ? x + 2 * sample : y + sample) % period < period / 2;
      file += {static_cast<char>(bar ? 220 : 20), static_cast<char>(bar ? 180 : 40), static_cast<char>(60)};
    }
  return file;
}

void write_folder(const TempFolder& temp) {
  for (int of_class = 0; of_class < 25; ++of_class)
    for (int sample = 0; sample < 4; ++sample)
      temp.write(fmt::format("mine/class{}/{}.ppm", of_class, sample), picture(of_class, sample));
}

}  // namespace

TEST_CASE("a folder of own images, grey and in colour, in a short run") {
  const TempFolder temp;
  write_folder(temp);
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
    const auto result = nlohmann::json::parse(read_file(temp.path / mode / "result.json"));
    CHECK(result["metrics"]["one_shot"]["accuracy"] > 0.2);  // chance
    CHECK(std::filesystem::exists(temp.path / mode / "best.safetensors"));
    CHECK(read_file(temp.path / mode / "seen.png").starts_with("\x89PNG"));
  }
}

TEST_CASE("a folder that is not there, and a class with one image, are named") {
  const TempFolder temp;
  const Finished nowhere = flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine"});
  CHECK(nowhere.exit_code == 1);
  CHECK(nowhere.errors.find("error: node 'images' (data.images): there is no folder") != nowhere.errors.npos);
  write_folder(temp);
  temp.write("mine/lonely/1.ppm", picture(1, 1));
  const Finished lonely = flowrun(temp, {graph("folder.toml"), "--set", "images.path=mine"});
  CHECK(lonely.exit_code == 1);
  CHECK(lonely.errors.find("lonely") != lonely.errors.npos);
  CHECK(!std::filesystem::exists(temp.path / "runs"));
}
