// Training that is killed at any moment loses nothing. A longer version: tests/benchmarks/kill.cpp.
#include <doctest/doctest.h>

#include "apps/kill_chain.h"

TEST_CASE("a chain of kills, at any moment and with any number of threads, does not change a bit") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(80, 31));  // 31 steps: gathered gradients cross epochs' ends
  const Finished whole = flowrun(temp, {"graph.toml", "--output", "whole", "--threads", "2"});
  REQUIRE(whole.errors == "");
  REQUIRE(whole.exit_code == 0);
  for (const std::uint64_t seed : {1, 2}) {
    CAPTURE(seed);
    kill_chain::Kills kills;
    const std::string run = "killed" + std::to_string(seed);
    CHECK(kill_chain::kill_again_and_again(temp, run, 11, seed, kills) == "");
    MESSAGE(kills.text());
    CHECK(kills.all() >= 10);
    CHECK(kills.training + kills.writing >= 5);
    CHECK(kill_chain::difference(temp.path / "whole", temp.path / run) == "");
  }
}

TEST_CASE("the comparison sees one bit, one line and one file") {
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(2, 4));
  REQUIRE(flowrun(temp, {"graph.toml", "--output", "one", "--threads", "1"}).exit_code == 0);
  const auto other = [&](const std::string& file, const std::function<void(std::string&)>& change) {
    std::filesystem::remove_all(temp.path / "other");
    std::filesystem::copy(temp.path / "one", temp.path / "other", std::filesystem::copy_options::recursive);
    std::string bytes = read_file(temp.path / "other" / file);
    change(bytes);
    temp.write("other/" + file, bytes);
    return kill_chain::differences(temp.path / "one", temp.path / "other");
  };
  CHECK(other("best.safetensors", [](std::string&) {}).empty());
  CHECK(other("best.safetensors", [](std::string& bytes) { bytes.back() ^= 1; }) ==
        std::vector<std::string>{"best.safetensors"});
  CHECK(other("metrics.jsonl", [](std::string& bytes) { bytes += "{\"metrics\": {}}\n"; }) ==
        std::vector<std::string>{"metrics.jsonl, line 000001 of ''"});
  CHECK(other("more.safetensors", [](std::string& bytes) { bytes = "x"; }) ==
        std::vector<std::string>{"more.safetensors"});
  const auto weights = [&](std::string&) {
    auto states = twinflow::read_states(temp.path / "one/state.safetensors");
    states.at("node.twin").tensors.begin()->second.values.back() += 1e-6f;
    auto changed = twinflow::packed(std::move(states));
    twinflow::write_states(twinflow::Folder(temp.path), "changed", changed);
  };
  other("log.txt", weights);
  CHECK(other("state.safetensors", [&](std::string& bytes) {
          bytes = read_file(temp.path / "changed");
        }).size() == 1);
}
