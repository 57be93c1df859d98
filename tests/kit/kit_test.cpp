// The plugin kit as a stranger meets it: an installed prefix, and a project outside of the source tree. It
// uses nothing of this project but what `cmake --install` put there.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "contains.h"
#include "program.h"
#include "twinflow/tensors.h"

namespace {

/// An installed TwinFlow, moved to where it was not installed to, and the example of tests/kit/sharpen beside
/// it.
struct Kit {
  TempFolder temp;
  const std::filesystem::path prefix = temp.path / "prefix", project = temp.path / "sharpen";

  Kit() {
    must(run({"cmake", "--install", TWINFLOW_BUILD_DIR, "--prefix", (temp.path / "installed").string()}));
    std::filesystem::rename(temp.path / "installed", prefix);
    std::filesystem::copy(TWINFLOW_SOURCE_DIR "/tests/kit/sharpen", project);
    temp.write("graph.toml", "extends = 'prefix/share/twinflow/graphs/train.toml'\n" + std::string(R"(
[run]
epochs = 1
steps_per_epoch = 2
[node.glyphs]
classes = 320
samples = 4
size = 20
[node.batches]
classes_per_batch = 12
[node.sharp]
type = "example.sharpen"
from = "augmented"
amount = 0.5
[node.twin]
from = "sharp"
[node.held_out]
trials = 100
[node.one_shot]
trials = 100
)"));
  }

  /// Without the plugin path of whoever runs the tests, unless one is given.
  Finished run(std::vector<std::string> command, const std::string& plugin_path = "") const {
    std::vector<std::string> words{"-u", "TWINFLOW_PLUGIN_PATH"};
    if (!plugin_path.empty()) words = {"TWINFLOW_PLUGIN_PATH=" + plugin_path};
    words.insert(words.end(), command.begin(), command.end());
    return Process(temp, "/usr/bin/env", words).wait();
  }
  Finished configure(const std::filesystem::path& source, const std::string& folder = "build",
                     const std::string& type = "") const {
    return run({"cmake", "-G", "Ninja", "-S", source.string(), "-B", (source / folder).string(),
                "-DCMAKE_PREFIX_PATH=" + prefix.string(), "-DCMAKE_CXX_COMPILER=" TWINFLOW_CXX_COMPILER,
                "-DCMAKE_CXX_FLAGS=" TWINFLOW_CXX_FLAGS, "-DCMAKE_BUILD_TYPE=" + type});
  }
  Finished build(const std::filesystem::path& source, const std::string& folder = "build",
                 const std::string& type = "") const {
    must(configure(source, folder, type));
    return run({"cmake", "--build", (source / folder).string()});
  }
  Finished flowinspect(const std::string& argument, const std::string& plugin_path) const {
    return run({(prefix / "bin/flowinspect").string(), argument}, plugin_path);
  }
  Finished flowrun(const std::vector<std::string>& arguments, const std::string& plugin_path = "") const {
    std::vector<std::string> command{(prefix / "bin/flowrun").string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return run(command, plugin_path);
  }
  static const Finished& must(const Finished& finished) {
    CAPTURE(finished.output);
    CAPTURE(finished.errors);
    REQUIRE(finished.exit_code == 0);
    return finished;
  }
};

/// Installed once for all the cases below.
const Kit& kit() {
  static const Kit made;
  return made;
}

}  // namespace

TEST_CASE("an installed flowrun stands alone, wherever it is moved") {
  const Finished version = kit().flowrun({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.output.starts_with("flowrun "));
  CHECK(kit().flowrun({"prefix/share/twinflow/graphs/omniglot.toml", "--check"}).exit_code == 0);
  for (const char* file : {"bin/flowrun", "bin/flowinspect", "lib/twinflow/libtwinflow_twin.so"}) {
    CAPTURE(file);
    const Finished needs = kit().run({"ldd", (kit().prefix / file).string()});
    CHECK(contains(needs.output, "libtwinflow.so." TWINFLOW_PROJECT_VERSION " => " + kit().prefix.string()));
    CHECK(!contains(needs.output, TWINFLOW_BUILD_DIR));
  }
  for (const auto& entry : std::filesystem::directory_iterator(kit().prefix / "lib/cmake/twinflow")) {
    CAPTURE(entry.path().string());
    CHECK(!contains(read_file(entry.path()), TWINFLOW_SOURCE_DIR));
    CHECK(!contains(read_file(entry.path()), TWINFLOW_BUILD_DIR));
  }
}

TEST_CASE("a node outside of the source tree: thirty lines, unknown before it is on the path, run after") {
  const Kit& with = kit();
  int lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(with.project)) {
    const std::string text = read_file(entry.path());
    lines += static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }
  CHECK(lines <= 30);

  const Finished before = with.flowrun({"graph.toml", "--check"});
  CHECK(before.exit_code == 2);
  CHECK(before.errors ==
        "graph.toml:13:8: error: there is no node type 'example.sharpen'\n"
        "  note: plugins were looked for in '" +
            (with.prefix / "lib/twinflow").string() +
            "'; TWINFLOW_PLUGIN_PATH and [run] plugins name more places\n"
            "  type = \"example.sharpen\"\n"
            "         ^\n"
            "1 error\n");

  Kit::must(with.build(with.project));
  const Finished after = with.flowrun({"graph.toml", "--output", "run"}, (with.project / "build").string());
  CHECK(after.errors == "");
  REQUIRE(after.exit_code == 0);
  CHECK(contains(after.output, "finished: all epochs done"));
  CHECK(contains(read_file(with.temp.path / "run/graph.toml"), "example.sharpen"));
  CHECK(std::filesystem::exists(with.temp.path / "run/best.safetensors"));

  const Finished gone = with.flowrun({"graph.toml", "--check"}, "nowhere");
  CHECK(gone.exit_code == 1);
  CHECK(gone.errors == "error: TWINFLOW_PLUGIN_PATH: there is no plugin library or folder 'nowhere'\n");
}

TEST_CASE("a plugin is optimised unless its build says otherwise, and one that is not is named as slow") {
  const auto project = kit().temp.path / "speed";
  std::filesystem::copy(TWINFLOW_SOURCE_DIR "/tests/kit/sharpen", project);
  Kit::must(kit().build(project));
  Kit::must(kit().build(project, "debug", "Debug"));
  const auto library = [&](const std::string& folder) {
    return (project / folder / "libsharpen.so").string();
  };
  const auto warning = [&](const std::string& folder) {
    return "The plugin '" + library(folder) +
           "' was built without optimisation, which makes it many times slower: build it with "
           "-DCMAKE_BUILD_TYPE=Release.";
  };
  const std::string good = (project / "build").string(), slow = (project / "debug").string();
  CHECK(contains(kit().flowinspect("--plugins", good).output, library("build")));
  CHECK(!contains(kit().flowinspect("--plugins", good).output, "slow: "));
  CHECK(!contains(kit().flowinspect("--doctor", good).output, "without optimisation"));
  CHECK(contains(kit().flowinspect("--plugins", slow).output,
                 "slow: it was built without optimisation; build it with -DCMAKE_BUILD_TYPE=Release\n"));
  CHECK(contains(kit().flowinspect("--doctor", slow).output, warning("debug")));
}

TEST_CASE("a loss and a layer from outside of the source tree train, wherever TwinFlow is moved to") {
  const Kit& with = kit();
  const auto project = with.temp.path / "twin_parts";
  std::filesystem::copy(TWINFLOW_SOURCE_DIR "/tests/kit/twin_parts", project);
  with.temp.write("twin.toml", R"(
[run]
seed = 3
epochs = 2
steps_per_epoch = 20
[node.glyphs]
type = "data.glyphs"
classes = 320
samples = 4
size = 20
[node.batches]
type = "sample.pairs"
from = "glyphs.train"
pairs = 16
[node.twin]
type = "twin.train"
from = "batches"
distance = "l2"
loss = { type = "hinge", margin = 200.0 }
optimizer = { type = "adamw", learning_rate = 0.003 }
[[node.twin.layer]]
type = "conv"
filters = 6
[[node.twin.layer]]
type = "max_pool"
[[node.twin.layer]]
type = "channel_scale"
start = 0.5
[[node.twin.layer]]
type = "relu"
[[node.twin.layer]]
type = "dense"
units = 16
[node.held_out]
type = "twin.evaluate"
from = { model = "twin.model", data = "glyphs.validation" }
trials = 100
[node.best]
type = "monitor.checkpoint"
from = "held_out"
monitor = "accuracy"
)");
  Kit::must(with.build(project));
  // Moved once more: where the plugin remembers the libraries to be that it links to, there is nothing now.
  const auto moved = with.temp.path / "elsewhere";
  std::filesystem::rename(with.prefix, moved);
  const Finished run = with.run({(moved / "bin/flowrun").string(), "twin.toml", "--output", "twin"},
                                (project / "build").string());
  const Finished shown =
      with.run({(moved / "bin/flowinspect").string(), "channel_scale"}, (project / "build").string());
  std::filesystem::rename(moved, with.prefix);
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(contains(shown.output, "Multiplies every channel by a number that is learned."));
  CHECK(contains(shown.output, "From " + (project / "build/libtwin_parts.so").string()));

  // Half of the pairs show one class, and none is as far apart as the margin.
  std::vector<double> losses;
  std::istringstream lines(read_file(with.temp.path / "twin/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto report = nlohmann::json::parse(line);
    if (report["node"] != "twin") continue;
    const auto& values = report["metrics"];
    losses.push_back(values["loss"]);
    const double different = values["distance_different"];
    REQUIRE(different < 100.0);
    CHECK(losses.back() ==
          doctest::Approx((values["distance_same"].get<double>() + 200.0 - different) / 2).epsilon(1e-5));
  }
  REQUIRE(losses.size() == 40);
  CHECK(losses.back() < losses.front());

  const twinflow::NamedTensors model = twinflow::read_safetensors(with.temp.path / "twin/best.safetensors");
  REQUIRE(model.tensors.contains("2.channel_scale.weight"));
  const twinflow::Tensor& weight = model.tensors.at("2.channel_scale.weight");
  CHECK(weight.shape == std::vector<std::int64_t>{6});
  for (const float one : weight.values) {  // from 0.5, by 20 or 40 steps of about 0.003
    CHECK(one != 0.5f);
    CHECK(std::abs(one - 0.5f) < 0.2f);
  }
}

TEST_CASE("a data source, a map with two inputs and a sink that survives resume, out of the source tree") {
  const Kit& with = kit();
  const auto project = with.temp.path / "nodes";
  std::filesystem::copy(TWINFLOW_SOURCE_DIR "/tests/kit/nodes", project);
  Kit::must(with.build(project));
  with.temp.write("nodes.toml", R"(
[run]
seed = 5
epochs = 3
steps_per_epoch = 8
[node.stripes]
type = "example.stripes"
[node.batches]
type = "sample.classes"
from = "stripes.all"
classes_per_batch = 4
samples_per_class = 2
[node.noisy]
type = "augment.noise"
from = "batches"
[node.mixed]
type = "example.blend"
from = { first = "batches", second = "noisy" }
weight = 0.25
[node.tally]
type = "example.tally"
from = "mixed"
)");
  const std::string plugins = (project / "build").string();
  const auto tally = [&](const std::string& run) { return read_file(with.temp.path / run / "tally.txt"); };
  const Finished whole = Kit::must(with.flowrun({"nodes.toml", "--output", "whole"}, plugins));
  CHECK(whole.errors == "");
  CHECK(tally("whole").starts_with("after epoch 3\nclass 0: "));
  // Ended in the middle of the second epoch.
  Kit::must(with.flowrun({"nodes.toml", "--output", "parts", "--max-steps", "13"}, plugins));
  CHECK(tally("parts") != tally("whole"));
  Kit::must(with.flowrun({"nodes.toml", "--resume", "parts", "--max-steps", "24"}, plugins));
  CHECK(tally("parts") == tally("whole"));
}

TEST_CASE("no installed header needs what only TwinFlow itself is built with") {
  std::string includes;
  const auto headers = kit().prefix / "include";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(headers))
    if (entry.is_regular_file())
      includes += "#include \"" + entry.path().lexically_relative(headers).string() + "\"\n";
  CHECK(contains(includes, "\"twinflow/twin/layer.h\""));
  kit().temp.write("headers/CMakeLists.txt", R"(
cmake_minimum_required(VERSION 3.25)
project(headers LANGUAGES CXX)
find_package(twinflow REQUIRED)
twinflow_add_plugin(headers SOURCES headers.cpp)
target_link_libraries(headers PRIVATE twinflow::twin)
)");
  kit().temp.write("headers/headers.cpp", includes + R"(
#if defined(ONEAPI_DNNL_DNNL_HPP) || defined(FMT_VERSION) || \
    defined(INCLUDE_NLOHMANN_JSON_HPP_) || defined(OPENCV_CORE_HPP)
#error a private header is included
#endif
TWINFLOW_PLUGIN("headers", "1", "a", "a")
)");
  Kit::must(kit().build(kit().temp.path / "headers"));
}

TEST_CASE("a node is tested with the installed harness") {
  const auto project = kit().temp.path / "bench";
  kit().temp.write("bench/CMakeLists.txt", R"(
cmake_minimum_required(VERSION 3.25)
project(bench LANGUAGES CXX)
find_package(twinflow REQUIRED)
twinflow_add_plugin(sharpen SOURCES ../sharpen/sharpen.cpp)
add_executable(bench bench.cpp)
target_link_libraries(bench PRIVATE twinflow::twinflow)
)");
  kit().temp.write("bench/bench.cpp", R"(
#include <cstdio>
#include "twinflow/images.h"
#include "twinflow/testing.h"
int main() {
  twinflow::ImageBatch batch{twinflow::Images(1, 1, 2, 2), {0}};
  batch.images.pixels = {0.5f, 0.5f, 0.5f, 0.75f};
  twinflow::testing::Bench bench("example.sharpen", "amount = 0.5");
  for (const float pixel : bench.apply<twinflow::ImageBatch>(batch).images.pixels) std::printf("%g ", pixel);
}
)");
  Kit::must(kit().build(project));
  const Finished bench = kit().run({(project / "build/bench").string()}, (project / "build").string());
  // 0.75 + 0.5 (0.75 - (0.5 + 0.75 + 0.5 + 0.75) / 4), and so on
  CHECK(bench.output == "0.5 0.46875 0.46875 0.8125 ");
  CHECK(bench.exit_code == 0);
}

TEST_CASE("mistakes of a plugin's author end its build with a sentence") {
  const auto build = [](const std::string& name, const std::string& arguments, const std::string& code) {
    kit().temp.write(name + "/CMakeLists.txt",
                     "cmake_minimum_required(VERSION 3.25)\nproject(wrong LANGUAGES CXX)\n"
                     "find_package(twinflow REQUIRED)\ntwinflow_add_plugin(wrong " +
                         arguments + ")\n");
    kit().temp.write(name + "/a.cpp", "#include \"twinflow/plugin.h\"\n" + code);
    kit().temp.write(name + "/b.cpp",
                     "#include \"twinflow/plugin.h\"\nTWINFLOW_PLUGIN(\"b\", \"1\", \"b\", \"b\")\n");
    const Finished configured = kit().configure(kit().temp.path / name);
    if (configured.exit_code != 0) return configured;
    return kit().run({"cmake", "--build", (kit().temp.path / name / "build").string()});
  };
  const Finished usage = build("usage", "a.cpp", "");
  CHECK(usage.exit_code != 0);
  CHECK(contains(usage.errors, "usage: twinflow_add_plugin(NAME SOURCES FILE..."));

  const Finished empty = build("empty", "SOURCES a.cpp", "TWINFLOW_PLUGIN(\"a\", \"1\", \"\", \"a\")\n");
  CHECK(empty.exit_code != 0);
  CHECK(contains(empty.output, "TWINFLOW_PLUGIN: name, version, author and description may not be empty"));

  const Finished number = build("number", "SOURCES a.cpp", R"(
struct Number { static constexpr const char* port_type = "number"; };
struct Count final : twinflow::Source<Number> {
  static void describe(twinflow::NodeSpec<Count>& spec) { spec.param("step", &Count::step); }
  Number make(const twinflow::Item&) const override { return {}; }
  float step = 1;
};
TWINFLOW_NODE("a.count", Count)
)");
  CHECK(number.exit_code != 0);
  CHECK(contains(number.output,
                 "a parameter cannot be of this type: see the list at the head of twinflow/param.h"));

  const Finished twice =
      build("twice", "SOURCES a.cpp b.cpp", "TWINFLOW_PLUGIN(\"a\", \"1\", \"a\", \"a\")\n");
  CHECK(twice.exit_code != 0);
  CHECK(contains(twice.output, "multiple definition of `twinflow_plugin'"));
}

TEST_CASE("a mistake in a node's class is one sentence of the compiler's output") {
  const auto folder = kit().temp.path / "mistakes";
  std::istringstream flags(TWINFLOW_CXX_FLAGS);
  std::vector<std::string> compile{TWINFLOW_CXX_COMPILER, "-std=c++20",
                                   "-I" + (kit().prefix / "include").string()};
  for (std::string flag; flags >> flag;) compile.push_back(flag);
  const auto compiled = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = compile;
    words.insert(words.end(), more.begin(), more.end());
    return kit().run(words);
  };
  // Compiled once: most of the time goes into the headers.
  const std::string head = kit()
                               .temp
                               .write("mistakes/head.h", R"(#include "twinflow/plugin.h"
using namespace twinflow;
struct Number { static constexpr const char* port_type = "number"; };
struct Nameless {};
class Family {
 public:
  using Base = Family;
  static constexpr const char* family = "family";
  std::string type;
  virtual ~Family() = default;
  virtual int give() const = 0;
};
)")
                               .string();
  Kit::must(compiled({"-x", "c++-header", head, "-o", head + ".gch"}));
  const auto errors = [&](const std::string& code) {
    const auto file = kit().temp.write("mistakes/wrong.cpp", code + "\n");
    return compiled({"-include", head, "-fsyntax-only", file.string()}).errors;
  };
  const std::string node = "TWINFLOW_NODE(\"a.wrong\", Wrong)";
  const std::string describe =
      "  static void describe(NodeSpec<Wrong>& spec) { spec.summary(\"Is wrong.\"); }\n";
  const std::string apply = "  Number apply(Number one, const Item&) const override { return one; }\n";
  const std::string map = "class Wrong final : public Map<Number, Number> {\n public:\n";
  CHECK(errors(map + describe + apply + "};\n" + node) == "");

  struct Mistake {
    const char* name;
    std::string code, sentence;
    int errors = 1;
  };
  const std::string no_body = "the node has no body: a Source needs";
  for (const Mistake& mistake : {
           Mistake{"no apply", map + describe + "};\n" + node, no_body},
           {"apply is not const",
            map + describe + "  Number apply(Number one, const Item&) { return one; }\n};\n" + node, no_body},
           {"apply is not const, but says override",  // of which the compiler speaks as well
            map + describe + "  Number apply(Number one, const Item&) override { return one; }\n};\n" + node,
            no_body, 2},
           {"no describe", map + apply + "};\n" + node, "the node needs a public 'static void describe("},
           {"describe is private",
            "class Wrong final : public Map<Number, Number> {\n" + describe + apply + "};\n" + node,
            "the node needs a public 'static void describe("},
           {"a constructor with an argument",
            map + describe + apply + "  explicit Wrong(int) {}\n};\n" + node,
            "the node needs a public constructor without arguments"},
           {"no base", "class Wrong {\n public:\n" + describe + "};\n" + node,
            "a node derives publicly from Source"},
           {"Node itself as the base", "class Wrong : public Node {\n public:\n" + describe + "};\n" + node,
            "a node derives publicly from Source"},
           {"a parameter without a name",
            map + apply +
                "  static void describe(NodeSpec<Wrong>& spec) { spec.param(&Wrong::amount); }\n"
                "  double amount = 1;\n};\n" +
                node,
            "a parameter needs a name: spec.param("},
           {"a port type without a name",
            "class Wrong final : public Source<Nameless> {\n public:\n" + describe +
                "  Nameless make(const Item&) const override { return {}; }\n};\n" + node,
            "what flows between nodes needs a name: static constexpr const char* port_type"},
           {"a component without its function",
            "struct Wrong final : Family {\n  static void describe(Spec<Wrong>& spec) { spec.summary(\"Is "
            "wrong.\"); "
            "}\n};\nTWINFLOW_COMPONENT(\"family\", \"wrong\", Wrong)",
            "the class does not override every pure function of its family's base"},
       }) {
    CAPTURE(mistake.name);
    const std::string said = errors(mistake.code);
    CAPTURE(said);
    CHECK(contains(said, mistake.sentence));
    int count = 0;
    for (std::size_t at = said.find("error: "); at != said.npos; at = said.find("error: ", at + 1)) ++count;
    CHECK(count == mistake.errors);
    CHECK(std::count(said.begin(), said.end(), '\n') <= 16);
  }
}

TEST_CASE("a node without a summary is refused with what to write") {
  kit().temp.write("silent/CMakeLists.txt",
                   "cmake_minimum_required(VERSION 3.25)\nproject(silent LANGUAGES CXX)\n"
                   "find_package(twinflow REQUIRED)\ntwinflow_add_plugin(silent SOURCES silent.cpp)\n");
  kit().temp.write("silent/silent.cpp", R"(
#include "twinflow/plugin.h"
class Silent final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Silent>&) {}
};
TWINFLOW_NODE("a.silent", Silent)
TWINFLOW_PLUGIN("silent", "1", "a", "a")
)");
  const auto project = kit().temp.path / "silent";
  Kit::must(kit().build(project));
  CHECK(contains(kit().flowinspect("--plugins", (project / "build").string()).output,
                 "cannot be loaded: node 'a.silent': it has no summary; describe() has to call "
                 "spec.summary(\"What it does, in a sentence.\")\n"));
}
