#include "plugins.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <link.h>

#include <algorithm>

#include "framework/plugins/number.h"
#include "framework/plugins/throwing.h"
#include "needed_libraries.h"
#include "registry.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"
#include "twinflow/testing.h"

using namespace twinflow;

namespace {

const std::filesystem::path libraries = TWINFLOW_BUILD_DIR "/tests/plugins";

std::string refusal(const std::filesystem::path& file) {
  try {
    PluginIndex::instance().add(file);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

const PluginLibrary& library(const std::filesystem::path& file) {
  for (const PluginLibrary& one : PluginIndex::instance().libraries())
    if (one.file == file.string()) return one;
  throw std::runtime_error("not found: " + file.string());
}

std::string quoted(const std::filesystem::path& file) { return "'" + file.string() + "'"; }

}  // namespace

TEST_CASE("a stripped plugin offers its types, and is loaded when one is asked for") {
  const auto file = libraries / "libplugin_example.so";
  CHECK(refusal(file) == "accepted");
  const auto offered = PluginIndex::instance().offered("node");
  CHECK(std::count(offered.begin(), offered.end(), "example.halve") == 1);
  for (const TypeInfo* loaded : Registry::instance().loaded()) CHECK(loaded->type != "example.halve");
  const NodeInfo* info = Registry::instance().find_node("example.halve");
  REQUIRE(info);
  CHECK(info->summary == "Halves a number.");
  CHECK(info->library == file.string());
  CHECK(Registry::instance().find_node("example.nothing") == nullptr);
}

TEST_CASE("a library says who it is, once it is loaded") {
  const auto file = libraries / "libplugin_example.so";
  CHECK(refusal(file) == "accepted");
  Registry::instance().find_node("example.halve");
  const PluginLibrary& example = library(file);
  CHECK(example.types == std::vector{std::pair<std::string, std::string>("node", "example.halve")});
  CHECK(example.loaded);
  CHECK(example.refusal == "");
  CHECK(example.name == "example");
  CHECK(example.version == "1.2.0");
  CHECK(example.author == "A. Author <a@example.org>");
  CHECK(example.description == "Halves, \"exactly\", what it is given.");
}

TEST_CASE("nothing else of a library is seen from outside, and its types are still those of the program") {
  const auto file = libraries / "libplugin_example.so";
  CHECK(refusal(file) == "accepted");
  testing::Bench bench("example.halve");
  CHECK(bench.info().inputs.at(0).types.at(0).type == typeid(PluginNumber));
  CHECK(bench.apply<PluginNumber>(PluginNumber{3}).value == 1.5);
  void* opened = dlopen(file.c_str(), RTLD_NOW);
  REQUIRE(opened);
  CHECK(dlsym(opened, "twinflow_plugin") != nullptr);
  CHECK(dlsym(opened, "_ZTI12PluginNumber") == nullptr);  // the typeid, mangled: seen, if anything were
}

TEST_CASE("exceptions thrown in a plugin are caught by type") {
  CHECK(refusal(libraries / "libplugin_throwing.so") == "accepted");
  const auto run = [](const std::string& what) {
    testing::Bench("throwing.source", "what = '" + what + "'").make<PluginNumber>({});
  };
  CHECK_THROWS_WITH_AS(run("error"), "the basket is empty", Error);
  try {
    run("derived");
    FAIL("nothing thrown");
  } catch (const OutOfApples& error) {
    CHECK(error.missing == 3);
  }
  CHECK_THROWS_WITH_AS(run("derived"), "no apples", Error);
  CHECK_THROWS_WITH_AS(run("standard"), "beyond the last apple", std::out_of_range);
  CHECK_THROWS_WITH_AS(run("own"), "an error of its own", std::runtime_error);
  CHECK_THROWS_AS(run("number"), int);
}

TEST_CASE("the plugins that a plugin needs are loaded before it, from where they were indexed") {
  const auto base = libraries / "libplugin_colours.so", user = libraries / "libplugin_more_colours.so";
  const auto needed = needed_libraries(user);
  CHECK(std::count(needed.begin(), needed.end(), "libplugin_colours.so") == 1);
  CHECK(std::count(needed.begin(), needed.end(), "libtwinflow.so." TWINFLOW_VERSION) == 1);
  CHECK(refusal(user) == "accepted");
  CHECK(refusal(base) == "accepted");
  const TypeInfo* blue = Registry::instance().find("colour", "blue");
  REQUIRE(blue);
  CHECK(blue->library == user.string());
  CHECK(library(base).loaded);
  CHECK(library(base).name == "colours");
  const TypeInfo* red = Registry::instance().find("colour", "red");
  REQUIRE(red);
  CHECK(red->library == base.string());
}

TEST_CASE("a library that is no plugin may lie beside the plugin that needs it") {
  const TempFolder temp;
  for (const char* name : {"libplugin_no_stamp.so", "libplugin_with_helper.so"})
    std::filesystem::create_symlink(libraries / name, temp.path / name);
  const auto needed = needed_libraries(libraries / "libplugin_with_helper.so");
  CHECK(std::count(needed.begin(), needed.end(), "libplugin_no_stamp.so") == 1);
  CHECK(refusal(temp.path) == "accepted");
  CHECK(!library(libraries / "libplugin_no_stamp.so").refusal.empty());
  CHECK(Registry::instance().find_node("example.helped") != nullptr);
  CHECK(library(libraries / "libplugin_with_helper.so").loaded);
}

TEST_CASE("what is no library, or half of one, needs nothing") {
  const TempFolder temp;
  const std::string whole = read_file(libraries / "libplugin_more_colours.so");
  CHECK(needed_libraries(temp.write("whole.so", whole)) ==
        needed_libraries(libraries / "libplugin_more_colours.so"));
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 500) {
    CAPTURE(size);
    CHECK(needed_libraries(temp.write("cut.so", whole.substr(0, size))).empty());
  }
  std::string damaged = whole;  // the head says where everything is
  for (std::size_t at = 0; at < sizeof(ElfW(Ehdr)); ++at) {
    damaged[at] = static_cast<char>(~whole[at]);
    needed_libraries(temp.write("damaged.so", damaged));
    damaged[at] = whole[at];
  }
  CHECK(needed_libraries(temp.path / "gone.so").empty());
}

TEST_CASE("a library that cannot serve is refused with the reason, before its code runs") {
  const auto abi = libraries / "libplugin_other_abi.so", none = libraries / "libplugin_no_stamp.so";
  CHECK(refusal(abi) == quoted(abi) +
                            " cannot be used: it was built for 0.0.9/gxx1/cxx11abi0, this is " TWINFLOW_ABI
                            "; build it again");
  CHECK(refusal(none) == quoted(none) + " cannot be used: it is not a TwinFlow plugin (it carries no stamp)");
  const auto debugged = libraries / "libplugin_debug_containers.so";
  CHECK(refusal(debugged).starts_with(quoted(debugged) + " cannot be used: it was built for " TWINFLOW_VERSION
                                                         "/gxx"));
  CHECK(refusal(debugged).find("/debug") < refusal(debugged).find(", this is " TWINFLOW_ABI "; build it"));
  const auto undeclared = libraries / "libplugin_undeclared.so";
  CHECK(refusal(undeclared) ==
        quoted(undeclared) +
            " cannot be used: it does not say who it is; add TWINFLOW_PLUGIN(\"name\", \"version\", "
            "\"author\", \"description\") to one of its source files");
  const TempFolder temp;
  const auto text = temp.write("text.so", "not a library"), empty = temp.write("empty.so", "");
  CHECK(refusal(text) == quoted(text) + " cannot be used: it is not a shared library of this system");
  CHECK(refusal(empty) == quoted(empty) + " cannot be used: it is not a shared library of this system");
  CHECK(refusal(temp.path / "gone.so") ==
        "there is no plugin library or folder " + quoted(temp.path / "gone.so"));
}

TEST_CASE("files in a folder that are no plugins are passed over, and remembered") {
  const TempFolder temp;
  temp.write("text.so", "not a library");
  CHECK(refusal(temp.path) == "accepted");
  CHECK(PluginIndex::instance().refused().back() ==
        quoted(temp.path / "text.so") + " cannot be used: it is not a shared library of this system");
  const auto& searched = PluginIndex::instance().searched();
  CHECK(std::count(searched.begin(), searched.end(), temp.path) == 1);
  CHECK(Registry::instance()
            .unknown_type("node", "no.such")
            .find("\n  note: '" + (temp.path / "text.so").string() + "' cannot be used: ") !=
        std::string::npos);
}

TEST_CASE("a type offered twice names both files") {
  const TempFolder temp;
  const auto first = libraries / "libplugin_example.so", second = temp.path / "copy.so";
  std::filesystem::copy_file(first, second);
  PluginIndex::instance().add(first);
  CHECK(refusal(second.parent_path()) ==
        "node 'example.halve' is offered twice: by " + quoted(first) + " and by " + quoted(second));
  CHECK(refusal(second) ==
        "node 'example.halve' is offered twice: by " + quoted(first) + " and by " + quoted(second));
}

TEST_CASE("a type that cannot describe itself is named when the library is loaded") {
  const auto file = libraries / "libplugin_cannot_describe.so";
  CHECK(refusal(file) == "accepted");
  const std::string reason =
      "the plugin " + quoted(file) + " cannot be loaded: node 'cannot.describe': no words";
  for (int i = 0; i < 2; ++i)  // and so it stays
    CHECK_THROWS_WITH_AS(Registry::instance().find_node("cannot.describe"), reason.c_str(), Error);
  CHECK(library(file).refusal == reason);
  CHECK(!library(file).loaded);
}

TEST_CASE("a missing symbol is named when the library is loaded") {
  CHECK(refusal(libraries / "libplugin_missing_symbol.so") == "accepted");
  try {
    Registry::instance().find_node("missing.symbol");
    FAIL("loaded");
  } catch (const Error& error) {
    const std::string file = (libraries / "libplugin_missing_symbol.so").string();
    CHECK(std::string(error.what()) == "the plugin '" + file + "' cannot be loaded: " + file +
                                           ": undefined symbol: _Z19nobody_defines_thisv");
  }
}
