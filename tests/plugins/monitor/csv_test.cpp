#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <regex>
#include <string>
#include <vector>

#include "temp_folder.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

struct Table : Bench {
  explicit Table(const TempFolder& folder) : Bench("monitor.csv") {
    name = "table";
    directory = folder.path;
    metrics = {"twin.loss", "one_shot.accuracy"};
  }
  /// As twin.train does after each step.
  void step(std::uint64_t epoch, std::uint64_t index, double loss) {
    hear("twin", {epoch, index, 10 * epoch + index}, {{"loss", loss}});
  }
  void end(std::uint64_t epoch) { finish_epoch({epoch, 9, 10 * epoch + 9}); }
};

/// The file with T for every time.
std::string table_in(const TempFolder& folder) {
  return std::regex_replace(read_file(folder.path / "table.csv"),
                            std::regex("(\n[0-9]+,[0-9]+,)[0-9]+\\.[0-9]{3},"), "$1T,");
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("monitor.csv: a row for each epoch, with the means of what was reported in it") {
  const TempFolder folder;
  Table bench(folder);
  bench.hear("one_shot", {}, {{"accuracy", 0.25}});  // an evaluation before the first epoch belongs to it
  for (const double loss : {1.0, 0.5, 0.0}) bench.step(0, 0, loss);
  bench.hear("one_shot", {0, 9, 9}, {{"accuracy", 0.75}, {"not declared", 1}});
  CHECK(!std::filesystem::exists(folder.path / "table.csv"));
  bench.end(0);
  bench.step(1, 0, 0.1);
  bench.end(1);
  bench.end(2);
  CHECK(table_in(folder) ==
        "epoch,step,time,twin.loss,one_shot.accuracy\n"
        "1,10,T,0.5,0.5\n"
        "2,20,T,0.1,\n"
        "3,30,T,,\n");
  bench.close();
  CHECK(bench.said.empty());
}

TEST_CASE("monitor.csv: the time is that since the run began") {
  const TempFolder folder;
  Table bench(folder);
  bench.open();
  State state = bench.save();
  state.values["seconds"] = 1000.0;
  bench.restore(state);
  bench.end(0);
  const std::string text = read_file(folder.path / "table.csv");
  const double time = std::stod(text.substr(text.find("1,10,") + 5));
  CHECK(time >= 1000);
  CHECK(time < 1100);
}

TEST_CASE("monitor.csv: what is not finite spoils the mean, visibly") {
  const TempFolder folder;
  Table bench(folder);
  const double losses[][2] = {
      {1, not_a_number}, {1, -not_a_number}, {1, infinity}, {-infinity, 1}, {infinity, -infinity}};
  for (std::uint64_t epoch = 0; epoch < 5; ++epoch) {
    for (const double loss : losses[epoch]) bench.step(epoch, 0, loss);
    bench.end(epoch);
  }
  CHECK(table_in(folder) ==
        "epoch,step,time,twin.loss,one_shot.accuracy\n"
        "1,10,T,nan,\n2,20,T,nan,\n3,30,T,inf,\n4,40,T,-inf,\n5,50,T,nan,\n");
}

TEST_CASE("monitor.csv: numbers are read back to the last bit, and names are quoted where they have to be") {
  const TempFolder folder;
  Table bench(folder);
  bench.metrics = {"a.b,c", "a.say \"b\"", "a.d"};
  bench.hear("a", {}, {{"d", 0.1 + 0.2}});
  bench.end(0);
  CHECK(table_in(folder) ==
        "epoch,step,time,\"a.b,c\",\"a.say \"\"b\"\"\",a.d\n1,10,T,,,0.30000000000000004\n");
}

TEST_CASE("monitor.csv: a resumed run's table is the uninterrupted one's, wherever it was interrupted") {
  // 3 epochs of 4 reports: what is done until `stop`.
  const auto play = [](Table& bench, int from, int to) {
    for (int i = from; i < to; ++i) {
      const std::uint64_t epoch = i / 5;
      if (i % 5 == 4)
        bench.end(epoch);
      else
        bench.step(epoch, i % 5, 1.0 / (i + 1));
    }
  };
  const TempFolder whole_folder;
  Table whole(whole_folder);
  play(whole, 0, 15);
  for (int saved = 0; saved <= 15; ++saved)
    for (const int killed : {saved, std::min(saved + 3, 15), 15}) {
      CAPTURE(saved);
      CAPTURE(killed);
      const TempFolder folder;
      Table before(folder), after(folder);
      before.open();
      play(before, 0, saved);
      const State state = before.save();
      play(before, saved, killed);
      if (killed > saved)  // in the middle of a row
        std::ofstream(folder.path / "table.csv", std::ios::app) << "4,4";
      after.hear("one_shot", {}, {{"accuracy", 0.5}});  // as nodes are opened again: it is in the state
      after.restore(state);
      play(after, saved, 15);
      after.close();
      CHECK(table_in(folder) == table_in(whole_folder));
      CHECK(after.said.empty());
    }
}

TEST_CASE("monitor.csv: a table that cannot be written ends nothing, and is whole when it can be again") {
  const TempFolder folder;
  Table bench(folder);
  std::filesystem::create_directory(folder.path / "table.csv");
  bench.step(0, 0, 0.5);
  bench.end(0);
  bench.step(1, 0, 0.25);
  bench.end(1);
  CHECK(bench.said ==
        std::vector<std::string>{
            fmt::format("cannot write '{}': Is a directory; rows of table.csv are kept and tried again later",
                        (folder.path / "table.csv").string())});
  const State waiting = bench.save();
  std::filesystem::remove(folder.path / "table.csv");
  bench.step(2, 0, 0.125);
  bench.end(2);
  const std::string rows =
      "epoch,step,time,twin.loss,one_shot.accuracy\n1,10,T,0.5,\n2,20,T,0.25,\n3,30,T,0.125,\n";
  CHECK(table_in(folder) == rows);
  bench.close();
  CHECK(bench.said.size() == 1);

  Table resumed(folder);  // what waited is in the state
  resumed.restore(waiting);
  resumed.step(2, 0, 0.125);
  resumed.end(2);
  CHECK(table_in(folder) == rows);
}

TEST_CASE("monitor.csv: what waits for the disk is bounded, and what is lost is told") {
  const TempFolder folder;
  Table bench(folder);
  bench.metrics.assign(1000, "one_shot.accuracy");
  const std::filesystem::path file = folder.path / "table.csv";
  std::filesystem::create_directory(file);
  for (std::uint64_t epoch = 0; epoch < 100; ++epoch) {
    bench.hear("one_shot", {}, {{"accuracy", 0.1 + 0.2}});
    bench.end(epoch);
  }
  CHECK(bench.save().values.at("waiting") != State::Value(""));
  CHECK(std::get<std::string>(bench.save().values.at("waiting")).size() <= 1 << 20);
  bench.close();
  CHECK(bench.said.back() == "100 rows of table.csv could not be written");
  std::filesystem::remove(file);
  bench.close();
  const std::string text = read_file(file);
  const auto rows = std::count(text.begin(), text.end(), '\n') - 1;
  CHECK(rows > 40);
  CHECK(bench.said.back() == fmt::format("{} rows of table.csv could not be written", 100 - rows));
}

TEST_CASE("monitor.csv: a table that was cut in the middle of a row continues after its last whole row") {
  const TempFolder folder;
  Table bench(folder);
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) bench.end(epoch);
  const State state = bench.save();
  const std::filesystem::path file = folder.path / "table.csv";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 2);
  Table resumed(folder);
  resumed.restore(state);
  resumed.end(2);
  CHECK(table_in(folder) == "epoch,step,time,twin.loss,one_shot.accuracy\n1,10,T,,\n3,30,T,,\n");
  REQUIRE(resumed.said.size() == 1);
  CHECK(resumed.said[0].ends_with(
      ": 2 bytes that were written are not there any more; it continues after its last whole line"));
}

TEST_CASE("monitor.csv: a table that was emptied is started anew") {
  const TempFolder folder;
  Table bench(folder);
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) bench.end(epoch);
  const State state = bench.save();
  const std::filesystem::path file = folder.path / "table.csv";
  std::filesystem::resize_file(file, 0);
  Table resumed(folder);
  resumed.restore(state);
  resumed.end(2);
  CHECK(table_in(folder) == "epoch,step,time,twin.loss,one_shot.accuracy\n3,30,T,,\n");
  REQUIRE(resumed.said.size() == 1);
  CHECK(resumed.said[0].ends_with(" bytes that were written are not there any more; it is started anew"));

  Table changed(folder);  // and a graph with other metrics keeps the columns
  changed.metrics.push_back("twin.more");
  changed.restore(resumed.save());
  changed.hear("twin", {}, {{"loss", 1}, {"more", 2}});
  changed.end(3);
  CHECK(table_in(folder) == "epoch,step,time,twin.loss,one_shot.accuracy\n3,30,T,,\n4,40,T,1,\n");
  CHECK(changed.said ==
        std::vector<std::string>{
            "table.csv keeps the columns it began with, though the graph has other metrics now"});
}
