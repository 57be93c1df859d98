#include <algorithm>

#include "few_characters.h"

namespace {

Finished koch(const TempFolder& temp, const std::string& output, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"--set", "twin.network.embedding=16"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return few::run(temp, graph("koch2015.toml"), output, arguments);
}

}  // namespace

TEST_CASE("koch2015.toml trains by the paper's rules, in a short run") {
  const TempFolder temp;
  few::write(temp);
  // Nothing beats a baseline of 1, so that it stops when its patience of two epochs is over.
  const Finished run =
      koch(temp, "run", {"--set", "run.epochs=5", "--set", "stop.baseline=1", "--set", "stop.patience=2"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("epoch 2/5") != run.output.npos);
  CHECK(run.output.find("epoch 3/5") == run.output.npos);

  const auto metrics = run_result(temp, "run")["metrics"];
  CHECK(metrics["twin"]["loss"] > 0.0);
  CHECK(metrics["twin"]["penalty"] > 0.0);
  CHECK(metrics["held_out"]["trials"] == 4);
  CHECK(metrics["one_shot"]["trials"] == 4);
  CHECK(metrics["twin"]["learning_rate"].get<double>() == doctest::Approx(0.99e-3));  // of the second epoch
  CHECK(std::filesystem::exists(temp.path / "run/best.safetensors"));
  const std::string curve = read_file(temp.path / "run/curve.csv");
  CHECK(std::count(curve.begin(), curve.end(), '\n') == 3);
  CHECK(curve.find("held_out.accuracy,") != curve.npos);
}

TEST_CASE("koch2015.toml goes on where it was stopped, as if it had not been") {
  const TempFolder temp;
  few::write(temp);
  const Finished whole = koch(temp, "whole"), part = koch(temp, "part", {"--max-steps", "1"});
  REQUIRE(whole.exit_code == 0);
  REQUIRE(part.exit_code == 0);
  const Finished rest = flowrun(temp, {"--resume", "part", "--max-steps", "2"});
  CHECK(rest.errors == "");
  REQUIRE(rest.exit_code == 0);
  const auto expected = run_result(temp, "whole")["metrics"], got = run_result(temp, "part")["metrics"];
  for (const char* one : {"loss", "penalty", "gradient_norm", "learning_rate"})
    CHECK(got["twin"][one] == expected["twin"][one]);
}
