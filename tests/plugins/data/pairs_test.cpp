#include <doctest/doctest.h>
#include <fmt/format.h>
#include <tbb/task_arena.h>

#include "pictures.h"
#include "twinflow/dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

/// A folder with images a.png to f.png, of one value each, 10 to 60, and a list of them.
class ListFolder : public TempFolder {
 public:
  explicit ListFolder(const std::string& csv) {
    for (int i = 0; i < 6; ++i) picture(std::string(1, static_cast<char>('a' + i)) + ".png", 10 * (i + 1));
    write("x.csv", csv);
  }
  void picture(const std::string& name, int value, int height = 2, int width = 2) const {
    fake::write(path / name, fake::encoded(".png", cv::Mat(height, width, CV_8U, cv::Scalar(value))));
  }
  Bench bench(const std::string& more = "") const {
    return Bench("data.pairs", "file = \"" + (path / "x.csv").string() + "\"\n" + more);
  }
  std::string said(const std::string& output = "all", const std::string& more = "") const {
    return fake::error_of([&] { bench(more).constant_output<Dataset>(output); });
  }
};

/// "10=20 10|30": values of the images, = for the same.
std::string listing(const Dataset& data) {
  std::string all;
  std::vector<std::uint8_t> scratch;
  for (const ListedPair& pair : data.pairs) {
    all += fmt::format("{}{}{}", all.empty() ? "" : " ", data.store->look(pair.left, scratch)[0],
                       pair.same ? "=" : "|");
    all += std::to_string(data.store->look(pair.right, scratch)[0]);
  }
  return all;
}

const std::string three_parts =
    "left,right,label,split\n"
    "a.png,b.png,0,train\n"
    "a.png,c.png,1,train\n"
    "d.png,e.png,1,validation\n"
    "e.png,d.png,different,validation\n"
    "f.png,./f2.png,same,test\n";

}  // namespace

TEST_CASE("data.pairs: every part has its pairs, and all share one store that holds each image once") {
  const ListFolder folder(three_parts);
  folder.picture("f2.png", 70);
  Bench bench = folder.bench();
  const Dataset all = bench.constant_output<Dataset>("all"), train = bench.constant_output<Dataset>("train"),
                validation = bench.constant_output<Dataset>("validation"),
                test = bench.constant_output<Dataset>("test");
  CHECK(all.names ==
        std::vector<std::string>{"a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "./f2.png"});
  CHECK(test.names == all.names);
  CHECK(listing(all) == "10=20 10|30 40|50 50|40 60=70");
  CHECK(listing(train) == "10=20 10|30");
  CHECK(listing(validation) == "40|50 50|40");
  CHECK(listing(test) == "60=70");
  CHECK(all.store->count() == 7);
  CHECK(all.classes.empty());
  for (const Dataset& part : {train, validation, test}) CHECK(part.store == all.store);
  CHECK(all.description == "x.csv: 2 same and 3 different pairs of 7 images");
  CHECK(validation.description == "x.csv, for validation: 0 same and 2 different pairs of 2 images");
  CHECK(bench.said == std::vector<std::string>{
                          "bench: " + all.description + ", 2 x 2 pixels", "bench: " + train.description,
                          "bench: " + validation.description, "bench: " + test.description});
}

TEST_CASE("data.pairs: without a split all is for training") {
  const ListFolder folder("label,left,right\n1,a.png,b.png\n0,b.png,c.png\n");
  Bench bench = folder.bench("label_of_same = 1");
  CHECK(listing(bench.constant_output<Dataset>("train")) == "10=20 20|30");
  CHECK(listing(bench.constant_output<Dataset>("all")) == "10=20 20|30");
  CHECK(folder.said("test") == "the output 'test' is empty: no line of " + (folder.path / "x.csv").string() +
                                   " has the split 'test'");
}

TEST_CASE("data.pairs: images are fitted to one size, in parallel, to the same bits") {
  const ListFolder folder("left,right,label\na.png,wide.png,0\n");
  fake::write(folder.path / "wide.png", fake::encoded(".png", fake::slope(40, 60)));
  std::vector<std::uint8_t> first;
  for (const int threads : {1, 2, 8}) {
    const Dataset all = tbb::task_arena(threads).execute([&] {
      return folder.bench("height = 20\nwidth = 30\ncolor_mode = \"color\"").constant_output<Dataset>("all");
    });
    CHECK(all.store->channels == 3);
    CHECK(all.store->height == 20);
    CHECK(all.store->width == 30);
    if (first.empty()) first = all.store->pixels;
    CHECK(all.store->pixels == first);
  }
  const Dataset on_demand =
      folder.bench("size = 8\ninvert = true\nmemory = 0").constant_output<Dataset>("all");
  CHECK(on_demand.store->kept_count() == 0);
  std::vector<std::uint8_t> scratch;
  CHECK(on_demand.store->look(0, scratch)[0] == 245);
  CHECK(folder.said("all", "size = 2\nheight = 2").find("give either size, or height and width, not both") !=
        std::string::npos);
}

TEST_CASE("data.pairs: a damaged image, or one of another size, is named with its first line") {
  const ListFolder folder("left,right,label\na.png,b.png,0\n\nbad.png,c.png,1\nd.png,bad.png,1\n");
  folder.write("bad.png", "no image");
  const std::string line = (folder.path / "x.csv").string() + ":4: left 'bad.png': '" +
                           fake::fs::canonical(folder.path / "bad.png").string() + "'";
  CHECK(folder.said().starts_with(line + ": "));
  folder.picture("bad.png", 1, 3, 2);
  CHECK(folder.said() == "");
  CHECK(folder.said("all", "fit = \"strict\"").starts_with(line + ": "));
}

TEST_CASE("data.pairs: images that stand in several parts are said") {
  const ListFolder folder("left,right,label,split\na.png,b.png,0,train\nb.png,c.png,1,test\n");
  Bench bench = folder.bench();
  bench.open();
  REQUIRE(bench.said.size() == 2);
  CHECK(bench.said[1].starts_with("bench: warning: 1 of 3 images stands in several parts, such as "));
}

TEST_CASE("data.pairs: the shape that the graph check is told is that of the images, unless a file decides") {
  const ListFolder folder(three_parts);
  folder.picture("f2.png", 1);
  CHECK(folder.bench().image_shape() == std::nullopt);
  Bench bench = folder.bench("size = 7\ncolor_mode = 'color'");
  const std::shared_ptr<const PixelStore> store = bench.constant_output<Dataset>("all").store;
  CHECK(bench.image_shape() == ImageShape{store->channels, store->height, store->width});
  CHECK(bench.image_shape() == ImageShape{3, 7, 7});
}
