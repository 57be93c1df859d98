#include <doctest/doctest.h>

#include "plugins/twin/model_file.h"
#include "program.h"
#include "small_model.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

std::string toml(const TempFolder& temp, const std::string& more = "") {
  return "file = \"" + (temp.path / "x").string() + "\"\n" + more;
}

}  // namespace

TEST_CASE("load gives the model with every item, and says what it is") {
  const TempFolder temp;
  const Model model = small_model();
  write_safetensors(temp.path / "x", *model.weights);
  Bench bench("twin.load", toml(temp));
  for (const std::uint64_t index : {0, 7}) {
    const Model made = bench.make<Model>({.index = index});
    CHECK(made.precision == Precision::f32);
    CHECK(made.embed(noise(3)).values == model.embed(noise(3)).values);
  }
  CHECK(bench.info().source_items(bench.node()) == endless);
  REQUIRE(bench.said.size() == 1);
  CHECK(bench.said[0] == "bench: " + (temp.path / "x").string() + ": " + model_text(model));
}

TEST_CASE("load uses the precision that is asked for") {
  const TempFolder temp;
  const bool bf16 = resolve(Precision::automatic) == Precision::bf16;
  NamedTensors named = *small_model().weights;
  for (const char* saved : {"f32", "bf16"}) {
    named.metadata["precision"] = saved;
    write_safetensors(temp.path / "x", named);
    CHECK(Bench("twin.load", toml(temp, "precision = 'f32'")).make<Model>({}).precision == Precision::f32);
    CHECK(Bench("twin.load", toml(temp, "precision = 'auto'")).make<Model>({}).precision ==
          resolve(Precision::automatic));
    Bench bench("twin.load", toml(temp));
    CHECK((bench.make<Model>({}).precision == Precision::bf16) == (saved == std::string("bf16") && bf16));
    CHECK(bench.said.size() == (saved == std::string("bf16") && !bf16 ? 2 : 1));
  }
}

TEST_CASE("a model of bf16 is used in f32 where the processor has no bf16, and that is said") {
  const TempFolder temp;
  NamedTensors named = *model_of("[{type = 'dense', units = 4}]", {1, 8, 8}).weights;
  named.metadata["precision"] = "bf16";
  write_safetensors(temp.path / "x", named);
  temp.write("graph.toml", R"(
[run]
epochs = 1
steps_per_epoch = 1
[node.letters]
type = "data.glyphs"
samples = 2
size = 8
[node.load]
type = "twin.load"
file = "x"
[node.one_shot]
type = "twin.evaluate"
from = { model = "load", data = "letters.test" }
ways = 2
trials = 20
)");
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const Finished run = flowrun(temp, {"graph.toml", "--output", "run"});
  const Finished refused = flowrun(temp, {"graph.toml", "--output", "other", "--set", "load.precision=bf16"});
  unsetenv("ONEDNN_MAX_CPU_ISA");
  CHECK(run.errors == "");
  CHECK(run.exit_code == 0);
  CHECK(run.output.find(
            "load: the model was trained in bf16, which this processor does not have: it is used in "
            "f32\n") != run.output.npos);
  CHECK(run.output.find("accuracy") != run.output.npos);
  CHECK(refused.exit_code == 1);
  CHECK(refused.errors.find("this processor has no bf16 instructions") != refused.errors.npos);
}

TEST_CASE("load refuses a file that is no model, and another one than the run began with") {
  const TempFolder temp;
  Bench none("twin.load", toml(temp));
  CHECK_THROWS_WITH_AS(none.open(), ("cannot open '" + (temp.path / "x").string() + "'").c_str(), Error);
  NamedTensors named = *small_model().weights;
  write_safetensors(temp.path / "x", named);
  Bench first("twin.load", toml(temp));
  first.open();
  const State state = first.save();
  Bench("twin.load", toml(temp)).restore(state);
  named.tensors["0.conv.bias"].values[0] += 1e-3f;
  write_safetensors(temp.path / "x", named);
  CHECK_THROWS_WITH_AS(
      Bench("twin.load", toml(temp)).restore(state),
      ("'" + (temp.path / "x").string() + "' is another model than the one that the run began with").c_str(),
      Error);
}
