#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "fake_omniglot.h"
#include "plugins/data/collection.h"
#include "twinflow/dataset.h"
#include "twinflow/random.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

std::string at(const fake::fs::path& path, const std::string& more = "") {
  return "path = \"" + path.string() + "\"\n" + more;
}

Dataset output(const std::string& toml, const std::string& name, std::uint64_t seed = 1) {
  return Bench("data.omniglot", toml, seed).constant_output<Dataset>(name);
}

std::string said(const std::string& toml, const std::string& name) {
  return fake::error_of([&] { output(toml, name); });
}

/// Sets an environment variable for as long as this lives.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* is = std::getenv("TWINFLOW_OMNIGLOT")) before_ = is;
    value ? setenv("TWINFLOW_OMNIGLOT", value, 1) : unsetenv("TWINFLOW_OMNIGLOT");
  }
  ~Environment() {
    before_ ? setenv("TWINFLOW_OMNIGLOT", before_->c_str(), 1) : unsetenv("TWINFLOW_OMNIGLOT");
  }

 private:
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("zips and unpacked folders give the same bits") {
  fake::TempFolder zips, folders;
  fake::write_zip(zips.path / "images_background.zip", fake::images(), "images_background/");
  fake::write_zip(zips.path / "all_runs.zip", fake::runs());
  fake::write_folder(folders.path / "images_background", fake::images());
  fake::write_folder(folders.path / "all_runs", fake::runs());
  for (const std::string name : {"all", "runs"}) {
    for (const std::string more : {"", "size = 28\ninvert = false\n"}) {
      const Dataset a = output(at(zips.path, more), name), b = output(at(folders.path, more), name);
      CHECK(a.store->height == (more.empty() ? 105 : 28));
      CHECK(a.store->pixels == b.store->pixels);
      CHECK(a.groups == b.groups);
      CHECK(a.description == b.description);
      CHECK(a.drawers == b.drawers);
    }
  }
}

TEST_CASE("held-out alphabets leave train; the parts share one store") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "images_background.zip", fake::images());
  Bench bench("data.omniglot", at(temp.path, "validation_names = [\"Greek\"]"));
  const Dataset train = bench.constant_output<Dataset>("train");
  const Dataset validation = bench.constant_output<Dataset>("validation");
  CHECK(train.groups == std::vector<std::string>{"Arcadian"});
  CHECK(validation.groups == std::vector<std::string>{"Greek"});
  CHECK(train.description == "omniglot background, for training: 1 alphabet, 1 classes, 2 images");
  CHECK(validation.description == "omniglot background, held out: 1 alphabet, 2 classes, 4 images");
  CHECK(train.store == validation.store);
  CHECK(train.store == bench.constant_output<Dataset>("all").store);

  std::set<std::string> chosen;  // by the seed: always one of the two, and each now and then
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Dataset held = output(at(temp.path, "validation_alphabets = 1"), "validation", seed);
    CHECK(held.groups == output(at(temp.path, "validation_alphabets = 1"), "validation", seed).groups);
    REQUIRE(held.groups.size() == 1);
    chosen.insert(held.groups[0]);
  }
  CHECK(chosen.size() == 2);
}

TEST_CASE("a split by maker keeps every class, with other drawers in each part") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "images_background.zip", fake::images());
  Bench bench("data.omniglot", at(temp.path, "split = { by = \"maker\", test_names = [\"2\"] }"));
  const Dataset train = bench.constant_output<Dataset>("train"),
                test = bench.constant_output<Dataset>("test");
  CHECK(train.description == "omniglot background, for training (maker 1): 2 alphabets, 3 classes, 3 images");
  CHECK(test.description == "omniglot background, for testing (maker 2): 2 alphabets, 3 classes, 3 images");
  CHECK(train.store == test.store);
  for (const auto& [part, drawer] : {std::pair(train, 1), std::pair(test, 2)})
    for (const Dataset::Class& one : part.classes)
      for (const std::size_t image : one.images) CHECK(part.drawers[image] == drawer);
  CHECK(said(at(temp.path, "split = { test = 0.5 }\nvalidation_alphabets = 1"), "train")
            .find("give either split, or validation_alphabets or validation_names, not both") !=
        std::string::npos);
}

TEST_CASE("what cannot be held out is said") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "images_background.zip", fake::images());
  CHECK(said(at(temp.path), "validation") ==
        "the output 'validation' is empty: set validation_alphabets, validation_names or split");
  CHECK(said(at(temp.path), "test") == "the output 'test' is empty: set split.test or split.test_names");
  CHECK(said(at(temp.path, "validation_names = [\"Greec\"]"), "train") ==
        "there is no alphabet 'Greec'; did you mean 'Greek'?");
  CHECK(said(at(temp.path, "validation_alphabets = 2"), "train") ==
        "holding out 2 of 2 alphabets for validation leaves none to train on");
  CHECK(said(at(temp.path, "validation_names = [\"Greek\", \"Arcadian\"]"), "train") ==
        "holding out 2 of 2 alphabets for validation leaves none to train on");
  CHECK(said(at(temp.path, "validation_alphabets = 1\nvalidation_names = [\"Greek\"]"), "train")
            .find("give either validation_alphabets or validation_names, not both") != std::string::npos);
}

TEST_CASE("only what is asked for is read") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "all_runs.zip", fake::runs());
  fake::write(temp.path / "images_background.zip", fake::text("no zip"));
  CHECK(output(at(temp.path), "runs").tasks.size() == 2);
  CHECK(said(at(temp.path), "all")
            .starts_with((temp.path / "images_background.zip").string() + " is not a whole zip"));
  CHECK(said(at(temp.path, "set = \"small1\""), "all") ==
        "there is neither images_background_small1.zip nor a folder images_background_small1 in '" +
            temp.path.string() + "'");
}

TEST_CASE("the small sets, alone and together") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "images_background_small1.zip", fake::images(), "images_background_small1/");
  fake::write_zip(temp.path / "images_background_small2.zip",
                  {{"Latin/character01/0009_01.png", fake::png(1)}});
  CHECK(output(at(temp.path, "set = \"small1\""), "all").groups ==
        std::vector<std::string>{"Arcadian", "Greek"});
  CHECK(output(at(temp.path, "set = \"small2\""), "all").groups == std::vector<std::string>{"Latin"});
  CHECK(output(at(temp.path, "set = \"small\""), "all").description ==
        "omniglot background, small sets 1 and 2: 3 alphabets, 4 classes, 7 images");
}

TEST_CASE("the evaluation alphabets") {
  fake::TempFolder temp;
  fake::write_zip(temp.path / "images_evaluation.zip", fake::images(), "images_evaluation/");
  CHECK(output(at(temp.path, "set = \"evaluation\""), "all").description ==
        "omniglot evaluation: 2 alphabets, 3 classes, 6 images");
}

TEST_CASE("where nothing is found, every place and every file looked for is named") {
  const std::string files =
      " for images_background.zip, images_background_small1.zip, images_background_small2.zip, "
      "images_evaluation.zip, all_runs.zip, or for folders of these names; apps/get-omniglot downloads it";
  fake::TempFolder temp;
  const auto here = fake::fs::current_path();
  fake::fs::create_directories(temp.path / "work");
  fake::fs::current_path(temp.path / "work");
  {
    Environment none(nullptr);
    CHECK(said("", "all") ==
          "Omniglot was not found; looked in 'data/omniglot' and '../shared/data/omniglot'" + files);
    CHECK(said("path = \"/nowhere\"", "all") == "Omniglot was not found; looked in '/nowhere'" + files);
    fake::fs::create_directories(temp.path / "shared/data/omniglot");
    fake::write_zip(temp.path / "shared/data/omniglot/images_background.zip", fake::images());
    CHECK(output("", "all").groups.size() == 2);
  }
  {
    Environment set("/nowhere");  // where it is set, it alone counts
    CHECK(said("", "all") == "Omniglot was not found; looked in '/nowhere' (TWINFLOW_OMNIGLOT)" + files);
    CHECK(output(at(temp.path / "shared/data/omniglot"), "all").groups.size() == 2);
  }
  {
    Environment set((temp.path / "shared/data/omniglot").c_str());
    CHECK(output("", "all").groups.size() == 2);
  }
  fake::fs::current_path(here);
}

TEST_CASE("whatever is cut off or flipped in the zips, they are read or refused") {
  fake::TempFolder temp;
  const fake::fs::path images = temp.path / "images_background.zip", runs = temp.path / "all_runs.zip";
  fake::write_zip(images, fake::images(), "images_background/");
  fake::write_zip(runs, fake::runs());
  Random random(1, 2, 3);
  for (const auto& [zip, name] : {std::pair(images, "all"), std::pair(runs, "runs")}) {
    const fake::Bytes whole = fake::read(zip);
    int refused = 0;
    for (int round = 0; round < 300; ++round) {
      fake::Bytes bytes = whole;
      if (random.coin(0.2)) bytes.resize(random.below(bytes.size()));
      for (std::uint64_t flips = random.below(3); flips > 0 && !bytes.empty(); --flips)
        bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
      fake::write(zip, bytes);
      refused += !said(at(temp.path), name).empty();  // lets through any other exception
    }
    CHECK(refused > 100);
    CHECK(refused < 300);
  }
}

TEST_CASE("the real images") {
  const auto folder = fake::real_omniglot();
  if (!folder) return;
  const Dataset all = output(at(*folder, "size = 28"), "all");
  CHECK(all.groups.size() == 30);
  CHECK(all.classes.size() == 964);
  CHECK(all.image_count() == 19280);
  CHECK(all.store->count() == 19280);
  CHECK(all.description == "omniglot background: 30 alphabets, 964 classes, 19280 images");
  for (const Dataset::Class& one : all.classes) CHECK(one.images.size() == 20);
  CHECK(*std::min_element(all.drawers.begin(), all.drawers.end()) == 1);
  CHECK(*std::max_element(all.drawers.begin(), all.drawers.end()) == 20);
  CHECK(output(at(*folder, "set = \"small\""), "all").groups.size() == 8);  // Greek and Latin are in both
}

TEST_CASE("data.omniglot: the shape that the graph check is told is that of the images") {
  CHECK(Bench("data.omniglot").image_shape() == ImageShape{1, 105, 105});
  fake::TempFolder temp;
  fake::write_folder(temp.path / "images_background", fake::images());
  fake::write_folder(temp.path / "all_runs", fake::runs());
  for (const char* name : {"all", "runs"}) {
    Bench bench("data.omniglot", at(temp.path, "size = 28"));
    const std::shared_ptr<const PixelStore> store = bench.constant_output<Dataset>(name).store;
    CHECK(bench.image_shape() == ImageShape{store->channels, store->height, store->width});
    CHECK(store->width == 28);
  }
}
