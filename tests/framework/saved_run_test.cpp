// The two states of a run directory, whatever happened to them.
#include "saved_run.h"

#include <doctest/doctest.h>

#include "temp_folder.h"
#include "twinflow/random.h"

using namespace twinflow;

namespace {

NamedTensors state_after(std::int64_t epoch) {
  States states;
  State& run = states["run"];
  run.values = {{"seed", std::int64_t{5}},
                {"steps_per_epoch", std::int64_t{60}},
                {"epoch", epoch},
                {"index", std::int64_t{0}},
                {"graph", "[run]\n"},
                {"type.sum", "test.sum"},
                {"data.a.train", "3 images"},
                {"library.oneDNN", "2.6.3"}};
  states["record"].values = {{"best/sum/total", 1.0},
                             {"best/sums/total", 2.0},
                             {"seconds", 3.0},
                             {"metrics_bytes", std::int64_t{0}}};
  states["node.sum"].tensors["weights"] = {{4}, {1, 2, 3, static_cast<float>(epoch)}};
  return packed(std::move(states));
}

void save(const TempFolder& temp, std::int64_t epoch, bool state_is_bad = false) {
  NamedTensors state = state_after(epoch);
  write_saved_run(Folder(temp.path), state, state_is_bad);
}

std::string refusal(const TempFolder& temp) {
  try {
    read_saved_run(temp.path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const char* const newest = "state.safetensors";
const char* const before = "state.previous.safetensors";

}  // namespace

TEST_CASE("the last two states are kept, and the last is read") {
  const TempFolder temp;
  save(temp, 1);
  CHECK(read_saved_run(temp.path).position.epoch == 1);
  CHECK(!std::filesystem::exists(temp.path / before));
  save(temp, 2);
  save(temp, 3);
  const SavedRun run = read_saved_run(temp.path);
  CHECK(run.position.epoch == 3);
  CHECK(run.newest_is_bad == "");
  CHECK(run.steps_per_epoch == 60);
  CHECK(run.types == std::map<std::string, std::string>{{"sum", "test.sum"}});
  CHECK(run.data == std::map<std::string, std::string>{{"data.a.train", "3 images"}});
  CHECK(run.libraries == std::map<std::string, std::string>{{"oneDNN", "2.6.3"}});
  CHECK(read_states(temp.path / before).at("run").value<std::int64_t>("epoch") == 2);
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path), {}) == 2);  // nothing else is left
}

TEST_CASE("a state that is truncated, flipped in any bit or missing is named, and the one before is used") {
  const TempFolder temp;
  save(temp, 1);
  save(temp, 2);
  const std::string good = read_file(temp.path / newest), quoted = "'" + (temp.path / newest).string() + "'";
  Random random(stream_key(1, "damage", "saved run"), 0, 0);
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    if (random.coin(0.3))
      bad.resize(random.below(bad.size()));
    else
      bad[random.below(bad.size())] ^= static_cast<char>(1 << random.below(8));
    temp.write(newest, bad);
    std::string why;
    try {
      const SavedRun run = read_saved_run(temp.path);
      why = run.newest_is_bad;
      if (why.empty()) {  // a blank that aligns the header: nothing is lost with it
        CHECK(run.position.epoch == 2);
        continue;
      }
      CHECK(run.position.epoch == 1);
      CHECK(run.file == temp.path / before);
    } catch (const NewerState& error) {  // the bit made it a version that is yet to come
      why = error.what();
    }
    CHECK(why.starts_with(quoted));
  }
  std::filesystem::remove(temp.path / newest);  // a kill between the two renames
  const SavedRun run = read_saved_run(temp.path);
  CHECK(run.position.epoch == 1);
  CHECK(run.newest_is_bad == "there is no " + quoted);
}

TEST_CASE("the next save keeps the good state, not the damaged one") {
  const TempFolder temp;
  save(temp, 1);
  save(temp, 2);
  temp.write(newest, "damaged");
  REQUIRE(!read_saved_run(temp.path).newest_is_bad.empty());
  save(temp, 3, true);
  CHECK(read_saved_run(temp.path).position.epoch == 3);
  CHECK(read_states(temp.path / before).at("run").value<std::int64_t>("epoch") == 1);
  std::filesystem::remove(temp.path / newest);
  save(temp, 4);  // as after a kill between the two renames
  CHECK(read_saved_run(temp.path).position.epoch == 4);
  CHECK(read_states(temp.path / before).at("run").value<std::int64_t>("epoch") == 1);
}

TEST_CASE("where both states are bad, both reasons are told") {
  const TempFolder temp;
  CHECK(refusal(temp) == "'" + temp.path.string() + "' holds no run that can be resumed: there is no '" +
                             (temp.path / newest).string() + "'");
  temp.write(newest, "damaged");
  CHECK(
      refusal(temp).starts_with("'" + (temp.path / newest).string() + "' is not a good safetensors file: "));
  CHECK(refusal(temp).ends_with("; nor can the state before be used: there is no '" +
                                (temp.path / before).string() + "'"));
  temp.write(before, "");
  CHECK(refusal(temp).ends_with("; nor can the state before be used: '" + (temp.path / before).string() +
                                "' is not a good safetensors file: it is shorter than its first field"));
}

TEST_CASE("a state of a newer version is refused, whether there is one before or not") {
  const TempFolder temp;
  save(temp, 1);
  save(temp, 2);
  for (const char* file : {newest, before}) {
    NamedTensors later = state_after(3);
    later.metadata["format"] = "twinflow.state 2";
    write_states(Folder(temp.path), file, later);
    CHECK_THROWS_AS(read_saved_run(temp.path), NewerState);
    CHECK(refusal(temp) == "'" + (temp.path / file).string() +
                               "' was saved by a newer version of TwinFlow: it is a 'twinflow.state 2', this "
                               "version reads 'twinflow.state 1'");
    temp.write(newest, "damaged");  // the second time round, the one before is the newer one
  }
}

TEST_CASE("a whole state that says too little is as bad as a damaged one") {
  const TempFolder temp;
  save(temp, 1);
  save(temp, 2);
  States states;
  states["run"].values["epoch"] = "three";
  NamedTensors odd = packed(std::move(states));
  write_states(Folder(temp.path), newest, odd);
  const SavedRun run = read_saved_run(temp.path);
  CHECK(run.position.epoch == 1);
  CHECK(run.newest_is_bad == "'" + (temp.path / newest).string() +
                                 "' cannot be resumed from: the saved value 'epoch' is not an integer");
  NamedTensors negative = state_after(-1);
  write_states(Folder(temp.path), newest, negative);
  CHECK(read_saved_run(temp.path).newest_is_bad ==
        "'" + (temp.path / newest).string() + "' cannot be resumed from: its value 'epoch' is -1");
}

TEST_CASE("what cannot be written leaves both states as they were") {
  const TempFolder temp;
  save(temp, 1);
  save(temp, 2);
  std::filesystem::create_directory(temp.path / "state.next.safetensors.tmp");  // in the way
  CHECK_THROWS_WITH_AS(
      save(temp, 3),
      ("cannot create '" + (temp.path / "state.next.safetensors").string() + "': Is a directory").c_str(),
      Error);
  std::filesystem::remove(temp.path / "state.next.safetensors.tmp");
  CHECK(read_saved_run(temp.path).position.epoch == 2);
  // The one before cannot be replaced.
  std::filesystem::remove(temp.path / before);
  std::filesystem::create_directories(temp.path / before / "full");
  CHECK_THROWS_WITH_AS(save(temp, 3),
                       ("cannot rename '" + (temp.path / newest).string() + "' to '" +
                        (temp.path / before).string() + "': Is a directory")
                           .c_str(),
                       Error);
  CHECK(read_saved_run(temp.path).position.epoch == 2);
}

TEST_CASE("a node is forgotten with all that was recorded of it") {
  const TempFolder temp;
  save(temp, 1);
  SavedRun run = read_saved_run(temp.path);
  forget_node(run, "sum");
  CHECK(run.types.empty());
  CHECK(!run.states.contains("node.sum"));
  CHECK(!run.states["record"].has("best/sum/total"));
  CHECK(run.states["record"].has("best/sums/total"));
  CHECK(run.states["record"].has("seconds"));
}
