#include <doctest/doctest.h>

#include <regex>

#include "program.h"

TEST_CASE("every graph has its line in graphs/README.md") {
  const std::string list = read_file(graph("README.md"));
  for (const auto& entry : std::filesystem::directory_iterator(graph(""))) {
    if (entry.path().extension() != ".toml") continue;
    const std::string name = entry.path().filename().string();
    CHECK_MESSAGE(list.find("\n| `" + name + "` |") != list.npos, name);
    const std::string text = read_file(entry.path());
    CHECK_MESSAGE(!std::regex_search(text, std::regex("@[A-Z]+@|MEASURE-ME")), name);  // figures to fill in
  }
  const std::regex line("\n\\| `([a-z0-9-]+\\.toml)` \\|");
  for (auto one = std::sregex_iterator(list.begin(), list.end(), line); one != std::sregex_iterator(); ++one)
    CHECK_MESSAGE(std::filesystem::exists(graph((*one)[1].str())), (*one)[1].str());
}
