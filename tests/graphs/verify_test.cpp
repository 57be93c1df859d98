#include <fmt/format.h>

#include <algorithm>

#include "program.h"
#include "shapes.h"

namespace {

/// Pairs of the three shapes, each image of another size, half of them for testing.
void write_pairs(const TempFolder& temp) {
  shapes::write_model(temp.path / "best.safetensors");
  std::string csv = "left,right,label,split\n";
  for (int shape = 0; shape < 3; ++shape)
    for (int i = 0; i < 4; ++i) {
      shapes::write(temp.path / fmt::format("pairs/{}/{}.{}", shape, i, i % 2 == 0 ? "png" : "jpg"), shape,
                    30 + 17 * i, i != 1);
      const char* split = i < 2 ? "validation" : "test";
      const char* ending = i % 2 == 0 ? "jpg" : "png";
      csv += fmt::format("{0}/{1}.{2},{0}/{3}.{4},same,{5}\n", shape, i, i % 2 == 0 ? "png" : "jpg", i ^ 1,
                         ending, split);
      csv += fmt::format("{0}/{1}.{2},{3}/{4}.{5},different,{6}\n", shape, i, i % 2 == 0 ? "png" : "jpg",
                         (shape + 1) % 3, i ^ 1, ending, split);
    }
  temp.write("pairs/list.csv", csv);
}

Finished verify(const TempFolder& temp, std::vector<std::string> more) {
  std::vector<std::string> arguments{graph("verify.toml"), "--output", "run"};
  for (const char* set : {"load.file=best.safetensors", "pairs.file=pairs/list.csv", "pairs.size=12"})
    arguments.insert(arguments.end(), {"--set", set});
  arguments.insert(arguments.end(), more.begin(), more.end());
  std::filesystem::remove_all(temp.path / "run");
  return flowrun(temp, arguments);
}

}  // namespace

TEST_CASE("verify.toml measures listed pairs, with the same numbers for 1, 2 and 8 threads") {
  const TempFolder temp;
  write_pairs(temp);
  std::string first;
  for (const char* threads : {"1", "2", "8"}) {
    const Finished run = verify(temp, {"--threads", threads});
    CHECK(run.errors == "");
    REQUIRE(run.exit_code == 0);
    CHECK(run.output.find("verify: 24 judged pairs, list.csv: 12 same and 12 different pairs of 12 images; "
                          "threshold chosen on these very pairs\n") != run.output.npos);
    CHECK(run.output.find("verify.accuracy 100.00 % (") != run.output.npos);
    const auto values = run_result(temp, "run")["metrics"]["verify"];
    CHECK(values["auc"] == 1.0);
    CHECK(values["eer"] == 0.0);
    const std::string roc = read_file(temp.path / "run/verify_roc.csv");
    CHECK(roc.starts_with("threshold,false_accept_rate,true_accept_rate\n-inf,0,0\n"));
    const std::string text = roc + values["threshold"].dump();
    if (first.empty()) first = text;
    CHECK(text == first);
  }
}

TEST_CASE("verify.toml with a split chooses the threshold on other pairs, and never on the same") {
  const TempFolder temp;
  write_pairs(temp);
  const Finished run = verify(
      temp, {"--set", "verify.from.data=pairs.test", "--set", "verify.from.validation=pairs.validation"});
  CHECK(run.errors == "");
  REQUIRE(run.exit_code == 0);
  CHECK(run.output.find("verify: 12 judged pairs, list.csv, for testing: 6 same and 6 different pairs of 6 "
                        "images; threshold chosen on 12 judged pairs, list.csv, for validation: ") !=
        run.output.npos);
  const Finished same = verify(temp, {"--set", "verify.from.validation=pairs.all"});
  CHECK(same.exit_code == 1);
  CHECK(same.errors.find("\"validation\" is the same data set as \"data\"") != same.errors.npos);
}
