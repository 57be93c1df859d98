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
