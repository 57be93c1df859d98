#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "contains.h"
#include "json_schema.h"
#include "plugins.h"
#include "program.h"
#include "registry.h"

namespace {

Finished flowinspect(const std::vector<std::string>& arguments) {
  const TempFolder temp;
  return Process(temp, "flowinspect", arguments).wait();
}

/// For the programs started while it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("all types are listed by kind, with their summaries") {
  const Finished list = flowinspect({});
  CHECK(list.exit_code == 0);
  CHECK(list.errors == "");
  for (const char* type :
       {"data.glyphs", "data.omniglot", "augment.affine", "augment.resize", "sample.classes", "sample.pairs",
        "twin.train", "twin.evaluate", "monitor.checkpoint", "monitor.early_stop", "adamw", "sgd", "conv",
        "all_pairs", "bce", "cosine", "exponential", "weighted_l1"})
    CHECK(contains(list.output, std::string("\n  ") + type + " "));
  for (const char* kind : {"node", "layer", "loss", "optimizer", "schedule", "distance"})
    CHECK(contains("\n" + list.output, std::string("\n") + kind + "\n"));
}

TEST_CASE("one type is shown with ports, parameters and an example") {
  const Finished affine = flowinspect({"augment.affine"});
  CHECK(affine.exit_code == 0);
  CHECK(contains(affine.output, "image batch or pair batch"));
  CHECK(contains(affine.output, "rotation"));
  CHECK(
      contains(affine.output, "[number, number], or r for [-r, r], default [0.0, 0.0], -360 to 360 degrees"));
  CHECK(contains(affine.output, "\nExample\n  [node.augmented]\n  type = \"augment.affine\"\n"));
  CHECK(contains(flowinspect({"run"}).output, "steps_per_epoch"));
  const std::string train = flowinspect({"twin.train"}).output;
  CHECK(contains(train, "\n                              one of: adadelta, adagrad, adam, "));
  const std::string cosine = flowinspect({"cosine"}).output;  // a distance and a schedule
  CHECK(contains(cosine, "distance 'cosine'\n"));
  CHECK(contains(cosine, "\nschedule 'cosine'\n"));
  CHECK(contains(cosine, "\n  Goes into twin.train (schedule).\n"));
}

TEST_CASE("what a network learns behind and has to be measured behind, says so") {
  for (const std::string type : {"normalize", "crop", "resize", "invert"}) {
    CAPTURE(type);
    CHECK(contains(flowinspect({"augment." + type}).output, "twin.evaluate sends its images through it"));
  }
}

TEST_CASE("a kind or a prefix shows all types that have it") {
  const Finished augment = flowinspect({"augment"});
  CHECK(augment.exit_code == 0);
  CHECK(augment.output.starts_with("node\n  augment.affine "));
  CHECK(contains(augment.output, "\n  augment.resize "));
  CHECK(!contains(augment.output, "data.glyphs"));
  CHECK(flowinspect({"loss"}).output.starts_with("loss\n  all_pairs "));
}

TEST_CASE("a mistyped or half-typed type gets a suggestion") {
  const Finished typo = flowinspect({"augment.afine"});
  CHECK(typo.exit_code == 2);
  CHECK(typo.errors == "error: there is no type 'augment.afine'; did you mean 'augment.affine'?\n");
  CHECK(flowinspect({"aff"}).errors == "error: there is no type 'aff'; did you mean 'augment.affine'?\n");
  CHECK(flowinspect({"banana"}).errors == "error: there is no type 'banana'\n");
}

TEST_CASE("of a type whose library is refused, the reason is told") {
  const TempFolder folder;
  std::filesystem::copy(TWINFLOW_BUILD_DIR "/tests/plugins/libplugin_missing_symbol.so", folder.path);
  const Variable path("TWINFLOW_PLUGIN_PATH", folder.path.string());
  const Finished missing = flowinspect({"missing.symbol"});
  CHECK(missing.exit_code == 2);
  CHECK(missing.errors.starts_with("error: there is no type 'missing.symbol'\nnote: the plugin '" +
                                   (folder.path / "libplugin_missing_symbol.so").string() +
                                   "' cannot be loaded: "));
}

TEST_CASE("one thing is asked at a time") {
  CHECK(flowinspect({"--schema", "adamw"}).exit_code == 2);
  CHECK(flowinspect({"--markdown", "--doctor"}).exit_code == 2);
  CHECK(flowinspect({"--version"}).output == "flowinspect 0.1.0\n");
}

TEST_CASE("every plugin library is listed, those on TWINFLOW_PLUGIN_PATH that are refused too") {
  twinflow::PluginIndex::instance().load_all();
  const auto shipped = twinflow::PluginIndex::instance().libraries();
  REQUIRE(shipped.size() >= 5);
  const TempFolder folder;
  const auto text = folder.write("text.so", "not a library");
  const Variable path("TWINFLOW_PLUGIN_PATH", folder.path.string());
  const Finished list = flowinspect({"--plugins"});
  CHECK(list.exit_code == 0);
  CHECK(list.errors == "");
  CHECK(list.output.starts_with("Searched\n  "));
  CHECK(contains(list.output, "\n  " + folder.path.string() + "\n"));
  CHECK(contains(list.output, "\n  node        augment.affine, "));
  CHECK(contains(list.output, "\n  optimizer   adadelta, adagrad, adam, "));
  CHECK(contains(list.output, "\n" + text.string() + "\n  refused: '" + text.string() +
                                  "' cannot be used: it is not a shared library of this system\n"));
  for (const auto& library : shipped)
    CHECK(
        contains(list.output, "\n" + library.file + "\n  " + library.name + " " + library.version + ", by "));
}

TEST_CASE("the schema takes every graph of the project and every example, and refuses a slip") {
  const Finished printed = flowinspect({"--schema"});
  CHECK(printed.errors == "");
  REQUIRE(printed.exit_code == 0);
  const auto schema = nlohmann::ordered_json::parse(printed.output);
  const TempFolder temp;
  std::vector<std::string> good{TWINFLOW_SOURCE_DIR "/tests/apps/pairs.toml",
                                TWINFLOW_SOURCE_DIR "/tests/apps/examples.toml"};
  for (const auto& entry : std::filesystem::directory_iterator(TWINFLOW_SOURCE_DIR "/graphs"))
    if (entry.path().extension() == ".toml") good.push_back(entry.path().string());
  twinflow::PluginIndex::instance().load_all();
  for (const twinflow::TypeInfo* info : twinflow::Registry::instance().loaded())
    good.push_back(
        temp.write(info->kind + "." + info->type + ".toml", "extends = \"base.toml\"\n" + info->example)
            .string());
  const auto nothing = check_by_schema(schema, good);
  if (!nothing) return;
  CHECK(nothing->size() == good.size());
  for (const auto& [file, wrong] : *nothing) {
    CAPTURE(file);
    CHECK(wrong == "");
  }

  const std::string train = read_file(graph("train.toml"));
  const auto with = [&](const std::string& name, const std::string& what, const std::string& instead) {
    std::string changed = train;
    const auto at = changed.find(what);
    REQUIRE(at != std::string::npos);
    return temp.write(name, changed.replace(at, what.size(), instead)).string();
  };
  const auto refused = check_by_schema(
      schema,
      {with("parameter.toml", "learning_rate", "lerning_rate"), with("type.toml", "augment.affine", "affine"),
       with("range.toml", "group_fraction    = 0.5", "group_fraction    = 1.5"),
       with("fractional.toml", "patience = 5", "patience = 5.5"), with("enum.toml", "\"auto\"", "\"f23\""),
       with("component.toml", "\"cosine\"", "\"cosinus\""),
       with("input.toml", "{ model = \"twin.model\"", "{ modell = \"twin.model\""),
       with("missing.toml", "from      = \"augmented\"", "")});
  REQUIRE(refused);
  for (const auto& [file, wrong] : *refused) {
    CAPTURE(file);
    CHECK(wrong != "");
  }
  // Said of the value that is wrong, not of the whole node.
  CHECK(refused->at((temp.path / "parameter.toml").string()) ==
        "$.node.twin.optimizer: Additional properties are not allowed ('lerning_rate' was unexpected)");
}

TEST_CASE("the reference has every type with its example") {
  const Finished reference = flowinspect({"--markdown"});
  CHECK(reference.exit_code == 0);
  CHECK(reference.errors == "");
  CHECK(contains(reference.output, "\n## node\n\n### `augment.affine`\n"));
  CHECK(contains(reference.output, "\n```toml\n[node.augmented]\ntype = \"augment.affine\"\n"));
  CHECK(contains(
      reference.output,
      "| `rotation` | `[number, number], or r for [-r, r]` | `[0.0, 0.0]` | -360 to 360 degrees | "));
}

TEST_CASE("a graph is drawn for Graphviz, and a bad one is refused with its problems") {
  const Finished drawn = flowinspect({"--dot", graph("train.toml")});
  CHECK(drawn.exit_code == 0);
  CHECK(contains(drawn.output, "  \"twin\" [label=<<b>twin</b><br/>twin.train>];\n"));
  CHECK(contains(drawn.output, "  \"glyphs\" -> \"batches\" [label=\"dataset\", style=dashed];\n"));
  const Finished bad = flowinspect({"--dot", "nowhere.toml"});
  CHECK(bad.exit_code == 2);
  CHECK(bad.output == "");
  CHECK(contains(bad.errors, "the graph file 'nowhere.toml' does not exist"));
}

TEST_CASE("the doctor names the libraries, and warns of settings that make runs slow") {
  const Finished plain = flowinspect({"--doctor"});
  CHECK(plain.exit_code == 0);
  CHECK(plain.errors == "");
  for (const char* fact :
       {"processors ", "\nmemory ", "\noneTBB ", "\noneDNN ", "\nSIMD of oneDNN ", "\nOpenMP ", "\nOpenCV "})
    CHECK(contains(plain.output, fact));

  const Variable isa("DNNL_MAX_CPU_ISA", "SSE41"), threads("OMP_NUM_THREADS", "1");
  const std::string slow = flowinspect({"--doctor"}).output;
  CHECK(contains(slow, "\nSIMD of oneDNN  SSE4.1\n"));
  CHECK(contains(slow, "\n  oneDNN finds no AVX-512 and no AVX2, "));
  CHECK(contains(slow, "unset DNNL_MAX_CPU_ISA"));
  CHECK(contains(slow, "\n  DNNL_MAX_CPU_ISA limits oneDNN only: "));
  CHECK(contains(slow, "OMP_NUM_THREADS has no effect"));
  const Variable both("ONEDNN_MAX_CPU_ISA", "AVX2");  // goes first
  const std::string limited = flowinspect({"--doctor"}).output;
  CHECK(contains(limited, "\nSIMD of oneDNN  AVX2\n"));
  CHECK(contains(limited, "unset ONEDNN_MAX_CPU_ISA"));
  CHECK(!contains(limited, "unset DNNL_MAX_CPU_ISA"));
}
