#include <doctest/doctest.h>
#include <tbb/task_arena.h>

#include <random>

#include "fake_idx.h"
#include "fake_omniglot.h"
#include "twinflow/dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

/// Five images of 2 x 3 pixels; image i is 6 i, 6 i + 1, ...
const std::string five = [] {
  std::string values;
  for (char i = 0; i < 30; ++i) values += i;
  return fake::idx(2051, {5, 2, 3}, values);
}();

/// Those two files, and what a node makes of them.
class Files : public TempFolder {
 public:
  explicit Files(const std::string& images = five,
                 const std::string& labels = fake::idx(2049, {5}, "\7\3\7\3\1")) {
    write("images", images);
    write("labels", labels);
  }
  std::string toml(const std::string& more) const {
    return "images = \"" + (path / "images").string() + "\"\nlabels = \"" + (path / "labels").string() +
           "\"\n" + more;
  }
  Dataset output(const std::string& more = "", const std::string& name = "all") const {
    return Bench("data.idx", toml(more)).constant_output<Dataset>(name);
  }
  std::string said(const std::string& more = "", const std::string& name = "all") const {
    return fake::error_of([&] { output(more, name); });
  }
};

}  // namespace

TEST_CASE("data.idx: labels are classes, in order of their value") {
  const Files files(five, fake::idx(2049, {5}, std::string("\7\3\7\3\0", 5)));
  const Dataset all = files.output();
  REQUIRE(all.classes.size() == 3);
  CHECK(all.classes[0].name == "0");
  CHECK(all.classes[1].name == "3");
  CHECK(all.classes[2].name == "7");
  CHECK(all.classes[0].images == std::vector<std::size_t>{4});
  CHECK(all.classes[1].images == std::vector<std::size_t>{1, 3});
  CHECK(all.classes[2].images == std::vector<std::size_t>{0, 2});
  CHECK(all.groups == std::vector<std::string>{"all"});
  CHECK(all.drawers.empty());
  CHECK(all.description == "images: 1 group, 3 classes, 5 images");
  CHECK(all.store->height == 2);
  CHECK(all.store->width == 3);
  for (std::size_t i = 0; i < 30; ++i) CHECK(all.store->pixels[i] == i);
}

TEST_CASE("data.idx: inverted, fitted to a size, with names") {
  const Files files(fake::idx(2051, {1, 2, 2}, std::string("\0\4\10\14", 4)), fake::idx(2049, {1}, "\1"));
  CHECK(files.output("invert = true").store->pixels == std::vector<std::uint8_t>{255, 251, 247, 243});
  const Dataset small = files.output("size = 1");
  CHECK(small.store->height == 1);
  CHECK(small.store->pixels == std::vector<std::uint8_t>{6});  // (0 + 4 + 8 + 12) / 4
  CHECK(files.output("class_names = [\"shirt\", \"bag\"]").classes[0].name == "bag");
  CHECK(files.said("class_names = [\"shirt\"]") ==
        (files.path / "labels").string() +
            ": image 0 has the label 1, but class_names names only the labels 0 to 0");
  CHECK(files.said("class_names = [\"shirt\", \"shirt\"]").find("two labels are called 'shirt'") !=
        std::string::npos);
}

TEST_CASE("data.idx: classes can be held out; the parts share one store") {
  const Files files;
  Bench bench("data.idx", files.toml("split = { test_names = [\"3\"] }"));
  const Dataset train = bench.constant_output<Dataset>("train"),
                test = bench.constant_output<Dataset>("test");
  REQUIRE(test.classes.size() == 1);
  CHECK(test.classes[0].name == "3");
  CHECK(test.description == "images, for testing (class 3): 1 group, 1 classes, 2 images");
  REQUIRE(train.classes.size() == 2);
  CHECK(train.store == test.store);
  CHECK(bench.said.back() == "bench: " + test.description);
  CHECK(files.said("", "validation") ==
        "the output 'validation' is empty: set split.validation or split.validation_names");
  CHECK(files.said("split = { by = \"maker\" }")
            .find("a split by maker is impossible: IDX files do not tell who made an image") !=
        std::string::npos);
}

TEST_CASE("data.idx: files that do not belong together, or are damaged, are named") {
  const Files more(five, fake::idx(2049, {6}, "\1\1\1\1\1\1"));
  CHECK(more.said() == (more.path / "images").string() + " holds 5 images, but " +
                           (more.path / "labels").string() + " 6 labels");
  const Files swapped(fake::idx(2049, {1}, "\1"), five);
  CHECK(swapped.said() ==
        (swapped.path / "images").string() + " has 1 dimensions; expected 3, images x height x width");
  const Files cut(five.substr(0, 40));
  CHECK(cut.said() == (cut.path / "images").string() + " is cut short: 24 bytes of 30 (5 x 2 x 3) are there");
  const Files many(fake::idx(2051, {20000, 1, 1}, std::string(20000, 'x')),
                   fake::idx(2049, {20000}, std::string(20000, '\1')));
  CHECK(many.said("size = 1024") == "the 20000 images of " + (many.path / "images").string() +
                                        " would take 20 GiB at size 1024, more than 16");
}

TEST_CASE("data.idx: the same bits for any number of threads") {
  std::string noise(300 * 28 * 28, ' ');
  std::minstd_rand random(5);
  for (char& one : noise) one = static_cast<char>(random());
  const Files files(fake::idx(2051, {300, 28, 28}, noise), fake::idx(2049, {300}, std::string(300, '\1')));
  std::vector<std::uint8_t> first;
  for (const int threads : {1, 2, 8}) {
    const Dataset all = tbb::task_arena(threads).execute([&] { return files.output("size = 20"); });
    if (first.empty()) first = all.store->pixels;
    CHECK(all.store->pixels == first);
  }
}

TEST_CASE("data.idx: the shape that the graph check is told is that of the images, unless the file decides") {
  const Files files;
  CHECK(Bench("data.idx", files.toml("")).image_shape() == std::nullopt);
  Bench bench("data.idx", files.toml("size = 4"));
  const std::shared_ptr<const PixelStore> store = bench.constant_output<Dataset>("all").store;
  CHECK(bench.image_shape() == ImageShape{store->channels, store->height, store->width});
  CHECK(store->width == 4);
}
