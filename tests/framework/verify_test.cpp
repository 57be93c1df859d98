#include "verify.h"

#include <sys/stat.h>

#include "framework/run_graph.h"
#include "saved_run.h"

namespace {

/// "good" or what is wrong, by file.
std::string verified(const std::filesystem::path& path) {
  std::string all;
  for (const Verified& one : verify(path))
    all += (one.good ? "" : "BAD ") + one.file.lexically_relative(path).string() + ": " + one.text + "\n";
  return all;
}

}  // namespace

TEST_CASE("a run directory is looked through file by file") {
  const TempFolder temp;
  REQUIRE(run_graph(chain, temp, {}, {"run.epochs=4", "run.save_every=0"}).code == finished);
  const auto run = temp.path / "run";
  NamedTensors model{{{"w", {{2}, {1, 2}}}}, {{"from", "here"}}};
  write_safetensors(run / "plain.safetensors", model);
  model.metadata["checksum"] = checksum(model);
  std::filesystem::create_directory(run / "kept");
  write_safetensors(run / "kept/best.safetensors", model);
  temp.write("run/notes.txt", "mine");  // nobody looks at it
  const std::string lines = read_file(run / "metrics.jsonl");
  const std::size_t count = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n'));
  REQUIRE(count > 2);
  const std::string good_lines = "metrics.jsonl: good: " + std::to_string(count) + " lines\n";
  CHECK(verified(run) == "kept/best.safetensors: good: its checksum fits\n" + good_lines +
                             "plain.safetensors: good as far as can be told: it has no checksum\n"
                             "result.json: good: finished\n"
                             "state.previous.safetensors: good: a state after epoch 0\n"
                             "state.safetensors: good: a state after epoch 4\n");

  SUBCASE("models") {
    std::string bytes = read_file(run / "kept/best.safetensors");
    bytes.back() ^= 1;
    temp.write("run/kept/best.safetensors", bytes);
    temp.write("run/plain.safetensors", bytes.substr(0, bytes.size() - 1));
    const std::string all = verified(run);
    CHECK(all.starts_with("BAD kept/best.safetensors: damaged: its checksum is " +
                          model.metadata["checksum"] + ", its content has "));
    CHECK(all.find("BAD plain.safetensors: is not a good safetensors file: ") != std::string::npos);
  }
  SUBCASE("states") {
    std::string bytes = read_file(run / "state.safetensors");
    std::filesystem::remove(run / "state.safetensors");
    CHECK(verified(run).ends_with(
        "good: a state after epoch 0\nstate.safetensors: missing: a run that is resumed "
        "uses the one before\n"));
    CHECK(verified(run).find("BAD") == std::string::npos);
    bytes[bytes.find("\"run/epoch\":\"i4\"") + 14] ^= 1;  // the 4
    temp.write("run/state.safetensors", bytes);
    CHECK(verified(run).ends_with(
        "BAD state.safetensors: cannot be resumed from: it is damaged: its checksum does not fit\n"));
    std::filesystem::remove(run / "state.safetensors");
    std::filesystem::remove(run / "state.previous.safetensors");
    CHECK(verified(run).ends_with("BAD state.safetensors: missing: the run cannot be resumed\n"));
    NamedTensors empty = packed({});
    write_states(Folder(run), "state.safetensors", empty);
    CHECK(verified(run).ends_with(
        "BAD state.safetensors: cannot be resumed from: the saved state has no value 'epoch'\n"));
  }
  SUBCASE("links") {
    std::filesystem::create_symlink("best-step-3.safetensors", run / "best.safetensors");
    CHECK(verified(run).find("BAD best.safetensors: is a link to what is not there\n") != std::string::npos);
  }
  SUBCASE("metrics") {
    temp.write("run/metrics.jsonl", lines + "{\"half\"");
    CHECK(verified(run).find("BAD metrics.jsonl: line " + std::to_string(count + 1) +
                             ", the last one, is cut off") != std::string::npos);
    temp.write("run/metrics.jsonl", "{}\n" + lines);
    CHECK(verified(run).find("BAD metrics.jsonl: line 1 has no 'epoch'\n") != std::string::npos);
    temp.write("run/metrics.jsonl", lines + "[]\n" + lines);
    CHECK(verified(run).find("BAD metrics.jsonl: line " + std::to_string(count + 1) +
                             " is not a JSON object\n") != std::string::npos);
    temp.write("run/metrics.jsonl", lines + std::string(17 << 20, ' '));
    CHECK(verified(run).find("BAD metrics.jsonl: line " + std::to_string(count + 1) +
                             " is longer than 16777215 bytes\n") != std::string::npos);
    temp.write("run/metrics.jsonl", lines.substr(0, lines.find('\n') + 1));
    const std::string shorter = verified(run);
    CHECK(shorter.find("state.safetensors: good: a state after epoch 4; of the " +
                       std::to_string(lines.size()) + " bytes of metrics.jsonl that it knows, ") !=
          std::string::npos);
    std::filesystem::remove(run / "metrics.jsonl");
    const std::string none = verified(run);
    CHECK(
        none.ends_with("state.safetensors: good: a state after epoch 4; metrics.jsonl, which it knows, is "
                       "missing\n"));
    CHECK((shorter + none).find("BAD") == std::string::npos);
    CHECK(run_graph(chain, temp, {.resume = run}, {"run.epochs=4", "run.save_every=0"}).code == finished);
    temp.write("run/result.json", "{");
    CHECK(verified(run).find("BAD result.json: is not the result of a run\n") != std::string::npos);
  }
  SUBCASE("what would never end") {
    std::filesystem::remove(run / "result.json");
    REQUIRE(::mkfifo((run / "result.json").c_str(), 0600) == 0);
    CHECK(verified(run).find("result.json") == std::string::npos);
    CHECK(verify(run / "result.json").at(0).text == "is not a regular file");
    CHECK_FALSE(has_ended(run));
  }
  SUBCASE("leftovers") {
    temp.write("run/state.next.safetensors.tmp", "half");
    temp.write("run/embeddings.npy.part", "half");
    const std::string all = verified(run);
    CHECK(all.starts_with("embeddings.npy.part: left over by a write that was cut off; nobody reads it\n"));
    CHECK(all.find("BAD") == std::string::npos);
  }
}

TEST_CASE("one file can be verified, and what is none is an error") {
  const TempFolder temp;
  temp.write("metrics.jsonl", "");
  CHECK(verify(temp.path / "metrics.jsonl").at(0).text == "good: 0 lines");
  temp.write("notes.txt", "");
  CHECK_THROWS_WITH_AS(
      verify(temp.path / "notes.txt"),
      ("'" + (temp.path / "notes.txt").string() + "' is of no kind that can be verified").c_str(), Error);
  CHECK_THROWS_WITH_AS(verify(temp.path / "none"),
                       ("there is no '" + (temp.path / "none").string() + "'").c_str(), Error);
  std::filesystem::create_directory(temp.path / "empty");
  CHECK_THROWS_WITH_AS(
      verify(temp.path / "empty"),
      ("there is nothing in '" + (temp.path / "empty").string() + "' that can be verified").c_str(), Error);
}
