#include <doctest/doctest.h>

#include "program.h"

TEST_CASE("the preview draws a sheet of pairs and says where it is") {
  const TempFolder temp;
  const Finished run = flowrun(temp, {graph("preview.toml"), "--output", "run"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("preview: 24 pairs, 52 x 52 pixels: run/preview.png") != std::string::npos);
  CHECK(read_file(temp.path / "run/preview.png").starts_with("\x89PNG"));
}

TEST_CASE(
    "the stream up to the network has the same bits for 1, 2 and 8 threads, and for any items in flight") {
  std::string first;
  for (const char* threads : {"1", "2", "8"})
    for (const char* in_flight : {"1", "16"}) {
      CAPTURE(threads);
      CAPTURE(in_flight);
      const TempFolder temp;
      const Finished run =
          flowrun(temp, {graph("preview.toml"), "--threads", threads, "--max-in-flight", in_flight, "--set",
                         "run.steps_per_epoch=6", "--set", "preview.items=6", "--set", "glyphs.classes=320",
                         "--output", "run"});
      REQUIRE(run.exit_code == 0);
      const std::string sheet = read_file(temp.path / "run/preview.png");
      if (first.empty()) first = sheet;
      CHECK(sheet == first);
    }
}
