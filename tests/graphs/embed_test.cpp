#include <doctest/doctest.h>

#include <algorithm>

#include "program.h"

namespace {

/// graphs/embed.toml with a model that training has kept. `more`: further arguments.
std::string embed(const TempFolder& temp, std::vector<std::string> more) {
  std::vector<std::string> arguments{
      graph("embed.toml"), "--set", "load.file=best.safetensors", "--set", "all.batch=50", "--output", "run"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Finished run = flowrun(temp, arguments);
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("embeddings: ") != run.output.npos);
  return read_file(temp.path / "run/embeddings.npy");
}

}  // namespace

TEST_CASE("a kept model embeds a data set, with the same bits for 1, 2 and 8 threads") {
  const TempFolder temp;
  const Finished training = flowrun(temp, {graph("train.toml"), "--set", "run.epochs=1", "--set",
                                           "run.steps_per_epoch=2", "--output", "t"});
  REQUIRE(training.exit_code == 0);
  std::filesystem::copy(temp.path / "t/best.safetensors", temp.path / "best.safetensors");

  std::string first;
  for (const char* threads : {"1", "2", "8"}) {
    std::filesystem::remove_all(temp.path / "run");
    const std::string bytes = embed(temp, {"--threads", threads});
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  }
  const std::string index = read_file(temp.path / "run/embeddings.csv");
  const auto rows = static_cast<std::size_t>(std::count(index.begin(), index.end(), '\n')) - 1;
  CHECK(rows > 500);
  const std::string shape = "(" + std::to_string(rows) + ", 256)";
  CHECK(first.find(shape) != first.npos);
  CHECK(first.size() == 128 + rows * 256 * 4);
}
