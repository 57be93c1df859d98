#include "save_times.h"

#include "framework/run_graph.h"

TEST_CASE("a grace that is too short is told once, as soon as it is known") {
  std::vector<std::string> said;
  const auto say = [&](const std::string& line) { said.push_back(line); };
  SaveTimes times(5.0, say);
  CHECK(!times.longest());
  times.saved(3.0);
  CHECK(said.empty());
  times.item(std::chrono::milliseconds(1500));
  times.item(std::chrono::milliseconds(500));
  times.saved(2.0);
  CHECK(said.empty());
  times.item(std::chrono::milliseconds(2250));
  times.saved(2.0);  // together with the longest of both
  REQUIRE(said.size() == 1);
  CHECK(said[0].starts_with(
      "warning: to end after a signal takes up to 5.25 s (3.00 s for saving the state, "
      "2.25 s for an item and the end of its epoch), but --grace says that there are 5 s: "));
  times.saved(60.0);
  CHECK(said.size() == 1);
  CHECK(times.longest() == 60.0);

  SaveTimes unasked({}, say);
  unasked.saved(1e6);
  CHECK(said.size() == 1);
}

TEST_CASE("a run tells that its grace is too short before its first step, and how long saves took") {
  const TempFolder temp;
  CHECK(run_graph(chain, temp, {.grace = 0.0}).code == finished);
  const std::string log = read_file(temp.path / "run/log.txt");
  CHECK(log.starts_with("warning: to end after a signal takes up to "));
  CHECK(log.find("says that there are 0 s") != std::string::npos);
  CHECK(log.find("warning", 1) == std::string::npos);
  CHECK(result(temp.path / "run")["save_seconds"].get<double>() > 0.0);
  CHECK(run_graph(chain, temp, {.grace = 3600.0}).code == finished);
  CHECK(read_file(temp.path / "run/log.txt").find("warning") == std::string::npos);
}
