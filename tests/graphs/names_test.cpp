// Folders and files with names of any bytes: a run goes on, what it writes is UTF-8, and it resumes.

#include <doctest/doctest.h>

#include <cstring>

#include "bars.h"
#include "contains.h"
#include "program.h"
#include "twinflow/text.h"

namespace {

const char* const small_graph = R"([run]
epochs = 2
steps_per_epoch = 3
[node.images]
type = "data.images"
path = "x"
size = 16
fit = "pad"
split = { by = "class", validation_names = ["class0", "gr\\xfcn", "es\\u001b[2Jc", "a,\"b\"", "two\\u000alines"] }
[node.batches]
type = "sample.classes"
from = "images.train"
classes_per_batch = 4
samples_per_class = 2
class_weights = [{ classes = "bilder_\\\\xe4/new.*", weight = 2.0 }]
[node.twin]
type = "twin.train"
from = "batches"
layer = [{ type = "dense", units = 4 }, "l2_normalize"]
[node.one_shot]
type = "twin.evaluate"
from = { model = "twin.model", data = "images.validation" }
ways = 3
trials = 20
[node.best]
type = "monitor.checkpoint"
from = "one_shot"
monitor = "accuracy"
last = true
[node.table]
type = "monitor.csv"
[node.board]
type = "monitor.tensorboard"
from = "one_shot"
)";

const char* const embed_graph = R"([run]
epochs = 1
[node.load]
type = "twin.load"
file = "run/best-last.safetensors"
[node.images]
type = "data.images"
path = "x"
size = 16
fit = "pad"
[node.all]
type = "sample.all"
from = "images.all"
[node.vectors]
type = "twin.embed"
from = { batch = "all", model = "load", data = "images.all" }
)";

/// 12 classes of bars, some of names that nobody should have.
std::string write_images(const TempFolder& temp) {
  const std::string folder = "bilder_\xe4";
  const char* const names[] = {"gr\xfcn", "es\x1b[2Jc", "a,\"b\"", "two\nlines", "new\xff", "class5"};
  for (int one = 0; one < 12; ++one)
    for (int sample = 0; sample < 4; ++sample)
      temp.write(fmt::format("{}/{}/{}\xfe.ppm", folder,
                             one < 6 ? std::string(names[one]) : fmt::format("class{}", one == 11 ? 0 : one),
                             sample),
                 bars::picture(one, sample));
  return folder;
}

/// The header of a safetensors file; parsing throws when it is not UTF-8.
nlohmann::json header_of(const std::filesystem::path& file) {
  const std::string bytes = read_file(file);
  std::uint64_t length = 0;
  REQUIRE(bytes.size() > sizeof length);
  std::memcpy(&length, bytes.data(), sizeof length);
  return nlohmann::json::parse(bytes.substr(sizeof length, length));
}

}  // namespace

TEST_CASE("names of any bytes: the run goes on, its files are UTF-8, and it resumes") {
  const TempFolder temp;
  const std::string folder = write_images(temp);
  temp.write("names.toml", small_graph);
  const std::string path = "images.path=" + folder;
  const Finished whole = flowrun(temp, {"names.toml", "--set", path, "--output", "whole"});
  CHECK(whole.errors == "");
  REQUIRE(whole.exit_code == 0);
  const Finished half = flowrun(temp, {"names.toml", "--set", path, "--output", "run", "--epochs", "1"});
  REQUIRE(half.exit_code == 0);
  const Finished resumed = flowrun(temp, {"--resume", "run", "--epochs", "2"});
  CHECK(resumed.errors == "");
  REQUIRE(resumed.exit_code == 0);
  CHECK(contains(whole.output, "bilder_\\xe4"));
  for (const std::string* text : {&whole.output, &half.output, &resumed.output}) {
    CHECK(twinflow::is_utf8(*text));
    CHECK(text->find('\x1b') == text->npos);
  }
  for (const char* name : {"graph.toml", "log.txt", "metrics.jsonl", "result.json", "table.csv"}) {
    CAPTURE(name);
    const std::string text = read_file(temp.path / "run" / name);
    CHECK(!text.empty());
    CHECK(twinflow::is_utf8(text));
    CHECK(text.find('\x1b') == text.npos);
  }
  CHECK(header_of(temp.path / "run/best.safetensors")["__metadata__"]["protocol"].is_string());
  CHECK(header_of(temp.path / "run/best-last.safetensors").is_object());
  CHECK(read_file(temp.path / "run/best-last.safetensors") ==
        read_file(temp.path / "whole/best-last.safetensors"));

  temp.write("embed.toml", embed_graph);
  const Finished embedded = flowrun(temp, {"embed.toml", "--set", path, "--output", "embedded"});
  REQUIRE(embedded.errors == "");
  const std::string index = read_file(temp.path / "embedded/vectors.csv");
  CHECK(twinflow::is_utf8(index));
  CHECK(contains(index, "two\\u000alines"));
  CHECK(contains(index, "\"a,\"\"b\"\"\""));
}
