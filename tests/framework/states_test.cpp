#include "states.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "temp_folder.h"
#include "twinflow/error.h"
#include "twinflow/random.h"

using namespace twinflow;

namespace {

States some_states() {
  States states;
  State& node = states["node.twin"];
  node.tensors["weight"] = {{2, 3},
                            {1.0f, -0.0f, 1e-45f, std::numeric_limits<float>::infinity(), 0.1f, 3.0f}};
  node.tensors["empty"] = {{0}, {}};
  node.values["yes"] = true;
  node.values["count"] = std::int64_t{-9'007'199'254'740'993};  // no double holds it
  node.values["third"] = 1.0 / 3;
  node.values["minus zero"] = -0.0;
  node.values["worst"] = -std::numeric_limits<double>::infinity();
  node.values["none"] = std::numeric_limits<double>::quiet_NaN();
  node.values["said"] = "two\nlines, \"quoted\", \u00e4";
  node.values["bytes"] = std::string("gr\xfcn\0\x1b", 6);  // not UTF-8
  states["run"].values["epoch"] = std::int64_t{3};
  return states;
}

std::string refusal(const std::filesystem::path& file) {
  try {
    read_states(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("states come back as they were, to the last bit") {
  const TempFolder temp;
  const auto file = temp.path / "state.safetensors";
  const States states = some_states();
  NamedTensors written = packed(states);
  write_states(Folder(temp.path), "state.safetensors", written);
  const States read = read_states(file);
  REQUIRE(read.size() == 2);
  const State &before = states.at("node.twin"), &after = read.at("node.twin");
  CHECK(after.tensor("weight").shape == before.tensor("weight").shape);
  CHECK(after.tensor("weight").values == before.tensor("weight").values);
  CHECK(std::signbit(after.tensor("weight").values[1]));
  CHECK(after.tensor("empty").values.empty());
  for (const char* name : {"yes", "count", "third", "worst", "said", "bytes"})
    CHECK(after.values.at(name) == before.values.at(name));
  CHECK(std::signbit(after.value<double>("minus zero")));
  CHECK(std::isnan(after.value<double>("none")));
  CHECK(read.at("run").value<std::int64_t>("epoch") == 3);
}

TEST_CASE("what is missing, or of another type, is named") {
  const State state = some_states()["node.twin"];
  CHECK_THROWS_WITH_AS(state.value<double>("best"), "the saved state has no value 'best'", Error);
  CHECK_THROWS_WITH_AS(state.value<double>("count"), "the saved value 'count' is not a number", Error);
  CHECK_THROWS_WITH_AS(state.tensor("bias"), "the saved state has no tensor 'bias'", Error);
}

TEST_CASE("a file that is no state, of another version, or damaged in any byte, is refused by name") {
  const TempFolder temp;
  const auto file = temp.path / "state.safetensors";
  const std::string quoted = "'" + file.string() + "' ";
  CHECK(refusal(file) == "cannot open '" + file.string() + "'");
  write_safetensors(file, {});
  CHECK(refusal(file) == quoted + "cannot be resumed from: it is no saved state of a run");
  for (const char* other : {"twinflow.state ", "twinflow.state 0", "twinflow.state 2b", "twinflow.model 1"}) {
    write_safetensors(file, {{}, {{"format", other}}});
    CHECK(refusal(file) == quoted + "cannot be resumed from: it is no saved state of a run");
  }
  write_safetensors(file, {{}, {{"format", "twinflow.state 2"}}});
  CHECK_THROWS_WITH_AS(read_states(file),
                       (quoted + "was saved by a newer version of TwinFlow: it is a 'twinflow.state 2', this "
                                 "version reads 'twinflow.state 1'")
                           .c_str(),
                       NewerState);
  NamedTensors written = packed(some_states());
  write_states(Folder(temp.path), "state.safetensors", written);
  const std::string good = read_file(file);
  Random random(stream_key(1, "damage", "state"), 0, 0);
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good;
    if (random.coin(0.2))
      bad.resize(random.below(bad.size()));
    else
      bad[random.below(bad.size())] ^= static_cast<char>(1 << random.below(8));
    temp.write("state.safetensors", bad);
    const std::string message = refusal(file);
    if (message.empty()) {  // only the blanks that align the header are nobody's
      const States read = read_states(file);
      CHECK(read.at("node.twin").values.at("third") == some_states()["node.twin"].values.at("third"));
      CHECK(bad.size() == good.size());
    } else {
      CHECK(message.starts_with(quoted));
    }
  }
}
