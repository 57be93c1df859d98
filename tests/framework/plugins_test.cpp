#include "plugins.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "registry.h"
#include "temp_folder.h"
#include "twinflow/plugin.h"

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

TEST_CASE("a library that cannot serve is refused with the reason, before its code runs") {
  const auto abi = libraries / "libplugin_other_abi.so", none = libraries / "libplugin_no_stamp.so";
  CHECK(refusal(abi) == quoted(abi) +
                            " cannot be used: it was built for 0.0.9/gxx1/cxx11abi0, this is " TWINFLOW_ABI
                            "; build it again");
  CHECK(refusal(none) == quoted(none) + " cannot be used: it is not a TwinFlow plugin (it carries no stamp)");
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
}

TEST_CASE("a type offered twice names both files") {
  const TempFolder temp;
  const auto first = libraries / "libplugin_example.so", second = temp.path / "copy.so";
  std::filesystem::copy_file(first, second);
  PluginIndex::instance().add(first);
  CHECK(refusal(second) ==
        "node 'example.halve' is offered twice: by " + quoted(first) + " and by " + quoted(second));
}

TEST_CASE("a type that cannot describe itself is named when the library is loaded") {
  const auto file = libraries / "libplugin_cannot_describe.so";
  CHECK(refusal(file) == "accepted");
  CHECK_THROWS_WITH_AS(
      Registry::instance().find_node("cannot.describe"),
      ("the plugin " + quoted(file) + " cannot be loaded: node 'cannot.describe': no words").c_str(), Error);
}

TEST_CASE("a missing symbol is named when the library is loaded") {
  CHECK(refusal(libraries / "libplugin_missing_symbol.so") == "accepted");
  try {
    Registry::instance().find_node("missing.symbol");
    FAIL("loaded");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("libplugin_missing_symbol.so' cannot be loaded") !=
          std::string::npos);
    CHECK(std::string(error.what()).find("nobody_defines_this") != std::string::npos);
  }
}
