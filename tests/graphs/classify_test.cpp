#include <algorithm>
#include <sstream>

#include "program.h"
#include "shapes.h"

namespace {

/// Three classes, of one or two images, and images of the same shapes to classify, all of different sizes.
void write_folders(const TempFolder& temp) {
  shapes::write_model(temp.path / "best.safetensors");
  shapes::write(temp.path / "support/left/1.png", 0, 60, true);
  shapes::write(temp.path / "support/left/2.jpg", 0, 37, false);
  shapes::write(temp.path / "support/top, or so/1.bmp", 1, 50, true);
  shapes::write(temp.path / "support/middle/1.ppm", 2, 120, true);
  shapes::write(temp.path / "new/10.png", 2, 24, false);
  shapes::write(temp.path / "new/9.jpg", 0, 200, true);
  shapes::write(temp.path / "new/more/1.tiff", 1, 64, true);
}

Finished classify(const TempFolder& temp, std::vector<std::string> more) {
  std::vector<std::string> arguments{graph("classify.toml")};
  for (const char* set : {"load.file=best.safetensors", "support.path=support", "queries.path=new",
                          "support.size=12", "queries.size=12"})
    arguments.insert(arguments.end(), {"--set", set});
  arguments.insert(arguments.end(), more.begin(), more.end());
  arguments.insert(arguments.end(), {"--output", "run"});
  std::filesystem::remove_all(temp.path / "run");
  return flowrun(temp, arguments);
}

/// "image:class ..." of every line.
std::string classes(const TempFolder& temp) {
  std::istringstream lines(read_file(temp.path / "run/classify.csv"));
  std::string all, line;
  std::getline(lines, line);
  CHECK(line == "image,class,score,margin,nearest");
  while (std::getline(lines, line)) {
    const std::size_t comma = line.find(','), quote = line.find("\",");
    all += (all.empty() ? "" : " ") + line.substr(0, comma) + ":" +
           line.substr(comma + 1, quote == line.npos ? line.find(',', comma + 1) - comma - 1 : quote - comma);
  }
  return all;
}

void check_error(const TempFolder& temp, const std::vector<std::string>& more, const std::string& error,
                 int exit_code = 1) {
  CAPTURE(error);
  const Finished run = classify(temp, more);
  CHECK(run.exit_code == exit_code);
  CHECK_MESSAGE(run.errors.find(error) != run.errors.npos, run.errors);
  CHECK(!std::filesystem::exists(temp.path / "run/classify.csv"));
}

}  // namespace

TEST_CASE(
    "classify.toml classifies images of any size and format, with the same bytes for 1, 2 and 8 threads") {
  const TempFolder temp;
  write_folders(temp);
  std::string first;
  for (const char* threads : {"1", "2", "8"}) {
    const Finished run = classify(temp, {"--threads", threads});
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    CHECK(
        run.output.find("classify: 3 images classified, 0 unknown, 3 of 3 classes found: run/classify.csv") !=
        run.output.npos);
    CHECK(classes(temp) == "9.jpg:left 10.png:middle more/1.tiff:\"top, or so\"");
    const std::string text = read_file(temp.path / "run/classify.csv");
    if (first.empty()) first = text;
    CHECK(text == first);
  }
}

TEST_CASE("classify.toml tells how many are right where the images lie in folders of the classes") {
  const TempFolder temp;
  write_folders(temp);
  const Finished run = classify(temp, {"--set", "queries.path=support", "--set", "queries.labels=folders"});
  CHECK(run.errors == "");
  CHECK(run.output.find("classify: 100.00 % (51.0-100.0) of the 4 images in folders of these classes are "
                        "classified rightly") != run.output.npos);
  const auto result = run_result(temp, "run");
  CHECK(result["metrics"]["classify"]["accuracy"] == 1.0);
  CHECK(result["best"]["classify"]["accuracy"]["value"] == 1.0);
}

TEST_CASE("classify.toml with what does not fit says what is wrong") {
  const TempFolder temp;
  write_folders(temp);
  std::filesystem::create_directories(temp.path / "empty");
  temp.write("broken/1.png", "\x89PNG\r\n\x1a\n");
  shapes::write(temp.path / "alone/left/1.png", 0, 60, true);
  check_error(
      temp, {"--set", "load.file=none.safetensors"},
      "--set:1:11: error: the file '" + (temp.path / "none.safetensors").string() + "' does not exist", 2);
  check_error(temp, {"--set", "support.path=empty"}, "node 'support' (data.images): '");
  check_error(temp, {"--set", "queries.path=empty"}, "/empty' holds no images");
  check_error(temp, {"--set", "queries.path=broken"}, "/broken/1.png': ");
  check_error(temp, {"--set", "support.path=new"}, "takes images wherever they lie");
  check_error(temp, {"--set", "support.path=alone"}, "has but one class, 'left'");
  check_error(temp, {"--set", "queries.color_mode=color"},
              "those of queries, 'new: 3 images without labels', are 3x12x12");
  check_error(temp, {"--set", "queries.size=20", "--set", "support.size=20"},
              "the model is for images of 1x12x12, but these are 1x20x20; read them with size = 12");
}
