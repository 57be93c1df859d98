#include <doctest/doctest.h>

#include "program.h"

TEST_CASE("every graph has its line in graphs/README.md") {
  const std::string list = read_file(graph("README.md"));
  for (const auto& entry : std::filesystem::directory_iterator(graph(""))) {
    if (entry.path().extension() != ".toml") continue;
    const std::string name = entry.path().filename().string();
    CHECK_MESSAGE(list.find("\n| `" + name + "` |") != list.npos, name);
  }
}
