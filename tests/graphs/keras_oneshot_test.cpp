#include <algorithm>
#include <map>
#include <sstream>

#include "few_characters.h"

namespace {

/// The graphs, but with an embedding of 16 numbers in place of 4096: they write their layers out.
void write_graphs(const TempFolder& temp) {
  const std::string units = "units     = 4096";
  for (const char* name : {"", "-augmented", "-sgd", "-batchnorm"}) {
    const std::string file = fmt::format("keras-oneshot{}.toml", name);
    std::string text = read_file(graph(file));
    if (const auto at = text.find(units); at != text.npos) text.replace(at, units.size(), "units = 16");
    temp.write(file, text);
  }
}

/// "node.twin optimizer" -> its value, of the graph as it ran.
std::map<std::string, std::string> settings(const TempFolder& temp, const std::string& output) {
  std::map<std::string, std::string> all;
  std::istringstream file(read_file(temp.path / output / "graph.toml"));
  std::string table;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with('['))
      table = line.substr(1, line.size() - 2);
    else if (const auto equals = line.find(" = "); equals != line.npos)
      all[table + " " + line.substr(0, equals)] = line.substr(equals + 3);
  return all;
}

void check_run(const TempFolder& temp, const std::string& name) {
  CAPTURE(name);
  const Finished run =
      few::run(temp, name + ".toml", name,
               {"--set", "held_out.protocol=[{ name = \"any\", within = \"any\", ways = 2, trials = 4 }]"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  const auto metrics = run_result(temp, name)["metrics"];
  CHECK(metrics["twin"]["loss"] > 0.0);
  CHECK(metrics["twin"]["penalty"] > 0.0);
  CHECK(metrics["held_out"]["trials"] == 4);
  CHECK(metrics["held_out"]["any.trials"] == 4);
  CHECK(metrics["one_shot"]["trials"] == 4);
  for (const char* kept : {"best.safetensors", "best-last.safetensors"})
    CHECK(std::filesystem::exists(temp.path / name / kept));
  const std::string curve = read_file(temp.path / name / "curve.csv");
  CHECK(std::count(curve.begin(), curve.end(), '\n') == 3);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("keras-oneshot.toml and its variants run, and differ in what they say") {
  const TempFolder temp;
  few::write(temp);
  write_graphs(temp);
  check_run(temp, "keras-oneshot");
  const auto base = settings(temp, "keras-oneshot");
  CHECK(base.at("node.twin optimizer").find("\"adam\"") != std::string::npos);
  CHECK(count(base.at("node.twin layer"), "\"batch_norm\"") == 0);
  CHECK(base.at("node.omniglot invert") == "false");
  CHECK(base.at("node.bytes std") == "[0.00392156862745098]");

  const std::pair<std::string, std::vector<std::string>> variants[] = {
      {"augmented", {"node.bytes from"}},
      {"sgd", {"node.twin optimizer", "node.twin schedule"}},
      {"batchnorm", {"node.twin layer", "node.twin shard"}}};
  for (const auto& [name, changed] : variants) {
    CAPTURE(name);
    check_run(temp, "keras-oneshot-" + name);
    auto its = settings(temp, "keras-oneshot-" + name);
    if (name == "augmented") {
      CHECK(its.at("node.augmented horizontal_flip") == "0.5");
      CHECK(its.at("node.augmented zoom") == "[0.7, 1.3]");
      std::erase_if(its, [](const auto& one) { return one.first.starts_with("node.augmented "); });
    }
    std::vector<std::string> differing;
    for (const auto& [key, value] : its)
      if (!base.contains(key) || base.at(key) != value) differing.push_back(key);
    CHECK(differing == changed);
    CHECK(its.size() == base.size());
  }
  const auto sgd = settings(temp, "keras-oneshot-sgd");
  CHECK(sgd.at("node.twin optimizer").find("nesterov = true") != std::string::npos);

  // Without its four batch_norm, the network is that of the base.
  std::string layers = settings(temp, "keras-oneshot-batchnorm").at("node.twin layer");
  CHECK(count(layers, "\"batch_norm\"") == 4);
  for (auto at = layers.find("{ type = \"batch_norm\""); at != layers.npos;
       at = layers.find("{ type = \"batch_norm\""))
    layers.erase(at, layers.find("}, ", at) + 3 - at);
  CHECK(layers == base.at("node.twin layer"));
}
