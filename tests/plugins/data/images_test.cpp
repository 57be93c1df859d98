#include <doctest/doctest.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/stat.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "pictures.h"
#include "twinflow/dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using fake::fs::path;
using twinflow::testing::Bench;

namespace {

/// A grey picture of one value, as a PNG.
fake::Bytes plain(int value, int height = 2, int width = 2) {
  return fake::encoded(".png", cv::Mat(height, width, CV_8U, cv::Scalar(value)));
}

const std::string no_image =
    ": this is not an image of a format that is read (PNG, JPEG, BMP, TIFF, WebP, JPEG 2000, PNM), or it is "
    "damaged";

/// A folder "faces" of images, each of one value that tells it.
struct Faces {
  fake::TempFolder temp;
  const path folder = temp.path / "faces";

  explicit Faces(const std::map<std::string, int>& values = {}) {
    fake::fs::create_directory(folder);
    for (const auto& [name, value] : values) write(name, plain(value));
  }
  void write(const std::string& name, const fake::Bytes& bytes) const { fake::write(folder / name, bytes); }
  std::string at(const std::string& name) const { return "'" + (folder / name).string() + "'"; }
  std::string toml(const std::string& more = "") const { return "path = '" + folder.string() + "'\n" + more; }
  Bench bench(const std::string& more = "") const { return Bench("data.images", toml(more)); }
  Dataset all(const std::string& more = "") const { return bench(more).constant_output<Dataset>("all"); }
  std::string said(const std::string& more = "", const std::string& output = "all") const {
    return fake::error_of([&] { bench(more).constant_output<Dataset>(output); });
  }
};

std::vector<std::uint8_t> pixels(const Dataset& data, std::size_t image) {
  std::vector<std::uint8_t> scratch;
  const auto seen = data.store->look(image, scratch);
  return {seen.begin(), seen.end()};
}

/// "group/class: values of its images; ..."
std::string listing(const Dataset& data) {
  std::string text;
  for (const Dataset::Class& one : data.classes) {
    text += data.groups[one.group] + "/" + one.name + ":";
    for (const std::size_t image : one.images) text += fmt::format(" {}", pixels(data, image)[0]);
    text += "; ";
  }
  return text;
}

template <class Call>
void on_threads(int threads, Call&& call) {
  const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
  tbb::task_arena(threads).execute(call);
}

Faces two_classes() {
  return Faces({{"cat/1.png", 1}, {"cat/2.png", 2}, {"dog/1.png", 3}, {"dog/2.png", 4}});
}

}  // namespace

TEST_CASE("data.images: class folders, in natural order") {
  const Faces faces(
      {{"class10/img10.png", 1}, {"class10/img2.png", 2}, {"class2/b.png", 3}, {"class2/a.bmp.png", 4}});
  Bench bench = faces.bench();
  const Dataset all = bench.constant_output<Dataset>("all");
  CHECK(listing(all) == "faces/class2: 4 3; faces/class10: 2 1; ");
  CHECK(all.description == "faces: 1 group, 2 classes, 4 images");
  CHECK(all.drawers.empty());
  REQUIRE(bench.said.size() == 1);
  CHECK(bench.said[0].starts_with("bench: faces: 1 group, 2 classes, 4 images, 2 x 2 pixels, read in "));
  CHECK(bench.said[0].ends_with("; 0.0 of 0.0 MiB are kept decoded"));
}

TEST_CASE("data.images: group folders of class folders, in natural order") {
  const Faces faces({{"g10/a/1.png", 1}, {"g9/b2/1.png", 2}, {"g9/b10/1.png", 3}, {"g9/b10/02.png", 4}});
  const Dataset all = faces.all();
  CHECK(all.groups == std::vector<std::string>{"g9", "g10"});
  CHECK(all.group_word == "group");
  CHECK(listing(all) == "g9/b2: 2; g9/b10: 3 4; g10/a: 1; ");
  CHECK(listing(faces.all("layout = 'groups'")) == listing(all));
  CHECK(faces.said("layout = 'classes'") ==
        faces.at("g9/b2") + " is a folder in a class folder: the layout is \"classes\"");
  CHECK(listing(Faces({{"one/a/1.png", 1}, {"one/b/1.png", 2}}).all()) == "one/a: 1; one/b: 2; ");
}

TEST_CASE("data.images: files that lie where no layout has them are named") {
  const std::string layouts = "images lie in a folder of class folders, or of group folders of class folders";
  Faces faces({{"a/1.png", 1}, {"b/2.png", 1}, {"g/c/3.png", 1}, {"g/d/4.png", 1}});
  CHECK(faces.said() == faces.at("a/1.png") + " lies one folder deep and " + faces.at("g/c/3.png") +
                            " two: " + layouts + ", not in a mixture of both");
  CHECK(faces.said("layout = 'classes'") ==
        faces.at("g/c") + " is a folder in a class folder: the layout is \"classes\"");
  CHECK(faces.said("layout = 'groups'") ==
        faces.at("a/1.png") + " lies in a group folder, not in a class folder: the layout is \"groups\"");
  faces.write("g/c/deep/5.png", plain(1));
  CHECK(faces.said() == faces.at("g/c/deep") + " is a folder too deep: " + layouts);
  faces.write("x.png", plain(1));
  CHECK(faces.said() == faces.at("x.png") + " lies in no class folder: " + layouts +
                            "; labels = \"none\" takes images wherever they lie");
}

TEST_CASE("data.images: no folder, no images, a class or a group with none or too few") {
  Faces faces;
  const std::string here = "'" + faces.folder.string() + "'";
  CHECK(faces.said() == here + " holds no images");
  CHECK(fake::error_of([&] { Bench("data.images", "path = '/nowhere/at/all'").open(); }) ==
        "'/nowhere/at/all' does not exist");
  faces.write("a/1.png", plain(1));
  CHECK(fake::error_of([&] {
          Bench("data.images", "path = '" + (faces.folder / "a/1.png").string() + "'").open();
        }) == faces.at("a/1.png") + " is not a folder");
  fake::fs::create_directories(faces.folder / "b");
  CHECK(faces.said() == here + ": the class 'b' has 0 images, fewer than min_images = 1");
  faces.write("b/1.png", plain(1));
  CHECK(faces.said() == "");
  CHECK(faces.said("min_images = 2") == here + ": the class 'a' has 1 image, fewer than min_images = 2");

  const Faces groups(
      {{"g/c/1.png", 1}, {"g/d/1.png", 1}, {"g/d/2.png", 1}, {"h/e/1.png", 1}, {"h/e/2.png", 1}});
  CHECK(groups.said("min_images = 2") ==
        "'" + groups.folder.string() + "': the class 'g/c' has 1 image, fewer than min_images = 2");
  fake::fs::create_directories(groups.folder / "k");
  CHECK(groups.said() == groups.at("k") + " is a group folder without class folders");
}

TEST_CASE("data.images: hidden files and litter are left out") {
  const Faces faces = two_classes();
  for (const char* name : {".hidden", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini",
                           "__MACOSX/cat/x.png", ".git/objects/aa/bb/cc"})
    faces.write(name, fake::text("x"));
  CHECK(listing(faces.all()) == "faces/cat: 1 2; faces/dog: 3 4; ");
}

TEST_CASE("data.images: links are followed, but not in circles and not to nowhere") {
  const Faces faces = two_classes();
  fake::fs::create_directory_symlink(faces.folder / "cat", faces.folder / "lion");
  fake::fs::create_symlink(faces.folder / "dog/1.png", faces.folder / "cat/3.png");
  CHECK(listing(faces.all()) == "faces/cat: 1 2 3; faces/dog: 3 4; faces/lion: 1 2 3; ");

  const path link = faces.folder / "dog/up";
  for (const path& to : {faces.folder, faces.folder / "dog", faces.temp.path}) {
    fake::fs::create_directory_symlink(to, link);
    CHECK(faces.said() == faces.at("dog/up") + " is a link to a folder that it lies in");
    fake::fs::remove(link);
  }
  fake::fs::create_symlink(link, link);  // to itself
  CHECK(faces.said().starts_with(faces.at("dog/up") + " cannot be read: "));
  fake::fs::remove(link);
  fake::fs::create_symlink("/nowhere/at/all", link);
  CHECK(faces.said() == faces.at("dog/up") + " is a link that leads nowhere");
  fake::fs::remove(link);
  REQUIRE(mkfifo(link.c_str(), 0600) == 0);
  CHECK(faces.said() == faces.at("dog/up") + " is neither a file nor a folder");
}

TEST_CASE("data.images: what may not be read is named") {
  const Faces faces = two_classes();
  using fake::fs::perms;
  fake::fs::permissions(faces.temp.path, perms::all);
  const bool root = geteuid() == 0;
  if (root) REQUIRE(seteuid(65534) == 0);  // root may read everything
  std::string file, folder;
  fake::fs::path locked = faces.folder / "dog/1.png";
  const auto lock = [&](perms to) {
    if (root) REQUIRE(seteuid(0) == 0);
    fake::fs::permissions(locked, to);
    if (root) REQUIRE(seteuid(65534) == 0);
  };
  lock(perms::none);
  file = faces.said();
  lock(perms::all);
  locked = faces.folder / "dog";
  lock(perms::none);
  folder = faces.said();
  lock(perms::all);
  if (root) REQUIRE(seteuid(0) == 0);
  CHECK(file == faces.at("dog/1.png") + ": the file cannot be read: Permission denied");
  CHECK(folder == faces.at("dog") + " cannot be read: Permission denied");
}

TEST_CASE("data.images: a bad image is an error that names it, the first one on any number of threads") {
  const Faces faces = two_classes();
  const fake::Bytes png = fake::encoded(".png", fake::slope(30, 30)),
                    jpeg = fake::encoded(".jpg", fake::slope(30, 30));
  const auto said_of = [&](const fake::Bytes& bytes, const std::string& more = "") {
    faces.write("cat/3.png", bytes);
    return faces.said(more);
  };
  const std::string it = faces.at("cat/3.png");
  CHECK(said_of({}) == it + ": the file is empty");
  CHECK(said_of(fake::text("a list of cats")) == it + no_image);
  CHECK(said_of({png.begin(), png.end() - 20}) == it + ": the PNG file is cut short");
  CHECK(said_of({jpeg.begin(), jpeg.end() - 20}) == it + ": the JPEG file is cut short");
  CHECK(said_of(plain(1, 3, 2)) == "");
  CHECK(said_of(plain(1, 3, 2), "fit = 'strict'") == it + ": the image is 2 x 3 pixels, not 2 x 2");
  CHECK(said_of(plain(1, 3, 2), "fit = 'strict'\nheight = 5\nwidth = 4") ==
        faces.at("cat/1.png") + ": the image is 2 x 2 pixels, not 4 x 5");

  const Faces many;
  for (int i = 0; i < 300; ++i)
    many.write(fmt::format("c{}/{}.png", i / 30, i), i % 50 == 17 ? fake::text("bad") : plain(i % 256));
  for (const int threads : {1, 2, 8})
    for (int round = 0; round < 5; ++round)
      on_threads(threads, [&] { CHECK(many.said().starts_with(many.at("c0/17.png") + ": ")); });
}

TEST_CASE("data.images: bad images are left out, counted and listed, when that is wished") {
  Faces faces;
  for (int i = 0; i < 40; ++i)
    faces.write(fmt::format("c{}/{}.png", i / 10, i), i % 3 == 0 ? fake::text("bad") : plain(i));
  faces.write("c3/odd.png", plain(99, 5, 5));
  Bench bench = faces.bench("on_bad_image = 'skip'\nfit = 'strict'");
  const Dataset all = bench.constant_output<Dataset>("all");
  CHECK(listing(all) ==
        "faces/c0: 1 2 4 5 7 8; faces/c1: 10 11 13 14 16 17 19; "
        "faces/c2: 20 22 23 25 26 28 29; faces/c3: 31 32 34 35 37 38; ");
  CHECK(all.store->count() == 26);
  REQUIRE(bench.said.size() == 12);
  CHECK(bench.said[0] == "bench: 15 bad images are left out; the first 10:");
  for (int i = 0; i < 10; ++i)  // 0.png is bad, so 1.png gives the size
    CHECK(bench.said[static_cast<std::size_t>(i) + 1] ==
          "bench:   " + faces.at(fmt::format("c{}/{}.png", i * 3 / 10, i * 3)) + no_image);
  // kept and decoded ones close up alike
  CHECK(listing(faces.all("on_bad_image = 'skip'\nfit = 'strict'\nmemory = 0")) == listing(all));

  CHECK(faces.said("on_bad_image = 'skip'\nfit = 'strict'\nmin_images = 7") ==
        "'" + faces.folder.string() + "': the class 'c0' has 6 images, fewer than min_images = 7");
  const Faces none;
  none.write("a/1.txt", fake::text("1"));
  none.write("a/2.txt", fake::text("2"));
  CHECK(none.said("on_bad_image = 'skip'") ==
        "no file can be read as an image; of the first: " + none.at("a/1.txt") + no_image);
  CHECK(none.said("on_bad_image = 'skip'\nsize = 4") ==
        "'" + none.folder.string() + "': the class 'a' has 0 images, fewer than min_images = 1");
}

TEST_CASE("data.images: sizes, colours and inversion") {
  Faces faces;
  faces.write("a/1.png", fake::encoded(".png", fake::slope(1, 2)));  // blue 0 5, green 40 45, red 80 85
  faces.write("a/2.png", plain(200, 2, 2));
  const Dataset color = faces.all("color_mode = 'color'");
  CHECK(color.store->channels == 3);
  CHECK(color.store->height == 1);
  CHECK(color.store->width == 2);
  CHECK(pixels(color, 0) == std::vector<std::uint8_t>{80, 85, 40, 45, 0, 5});
  CHECK(pixels(color, 1) == std::vector<std::uint8_t>(6, 200));
  CHECK(pixels(faces.all("color_mode = 'color'\ninvert = true"), 0) ==
        std::vector<std::uint8_t>{175, 170, 215, 210, 255, 250});
  const Dataset grey = faces.all("height = 3\nwidth = 1\ninvert = true");
  CHECK(grey.store->channels == 1);
  CHECK(pixels(grey, 1) == std::vector<std::uint8_t>(3, 55));
  CHECK(faces.all("size = 7\nfit = 'crop'").store->image_size() == 49);
}

TEST_CASE("data.images: what exceeds the memory budget is decoded when it is looked at, to the same pixels") {
  Faces faces;
  for (int i = 0; i < 12; ++i)
    faces.write(fmt::format("c{}/{}.png", i / 3, i), fake::encoded(".png", fake::slope(90, 80, 3, 9 * i)));
  const std::string size = "size = 512\ncolor_mode = 'color'\n";  // 0.75 MiB an image
  const Dataset kept = faces.all(size);
  CHECK(kept.store->kept_count() == 12);
  for (const std::size_t budget : {0, 1, 4}) {
    const Dataset some = faces.all(size + fmt::format("memory = {}\n", budget));
    CHECK(some.store->pixels.size() <= budget << 20);
    CHECK(some.store->kept_count() == (budget << 20) / some.store->image_size());
    CHECK(some.store->count() == 12);
    for (std::size_t image = 0; image < 12; ++image) CHECK(pixels(some, image) == pixels(kept, image));
  }
  const Dataset later = faces.all(size + "memory = 1\n");
  fake::fs::remove(faces.folder / "c3/11.png");
  CHECK(fake::error_of([&] { pixels(later, 11); }) ==
        faces.at("c3/11.png") + ": the file cannot be read: No such file or directory");
}

TEST_CASE(
    "data.images: images beyond the memory budget are known by their pixels, and a changed one is named") {
  Faces faces({{"a/1.png", 1}, {"a/2.png", 2}, {"b/3.png", 3}, {"b/4.png", 4}});
  const auto hash = [&](const std::string& more = "") {
    return faces.all("memory = 0\n" + more).store->decoded_hash;
  };
  const std::uint64_t before = hash();
  CHECK(before != 0);
  on_threads(1, [&] { CHECK(hash() == before); });
  fake::write(faces.folder / "b/bad.png", fake::text("bad"));
  CHECK(hash("on_bad_image = 'skip'") == before);
  fake::fs::remove(faces.folder / "b/bad.png");
  CHECK(faces.all().store->decoded_hash == 0);  // all are kept

  const Dataset data = faces.all("memory = 0");
  const auto written = fake::fs::last_write_time(faces.folder / "b/3.png");
  fake::fs::copy_file(faces.folder / "a/1.png", faces.folder / "b/3.png",
                      fake::fs::copy_options::overwrite_existing);  // of the same size,
  fake::fs::last_write_time(faces.folder / "b/3.png", written);     // and of the same time
  CHECK(hash() != before);
  CHECK(pixels(data, 3) == std::vector<std::uint8_t>(4, 4));
  CHECK(fake::error_of([&] { pixels(data, 2); }) ==
        faces.at("b/3.png") +
            ": the image has changed since the run has read it first: put it back, or start a new run");
}

TEST_CASE("data.images: images without labels are one class, wherever they lie, in natural order") {
  const Faces faces({{"10.png", 1}, {"9.png", 2}, {"b/c/1.png", 3}, {"b/x.png", 4}, {"a/1.png", 5}});
  faces.write(".hidden/1.png", plain(9));
  faces.write("b/Thumbs.db", fake::text("x"));
  Bench bench = faces.bench("labels = 'none'");
  const Dataset all = bench.constant_output<Dataset>("all");
  CHECK(listing(all) == "faces/: 2 1 5 4 3; ");
  CHECK(all.names == std::vector<std::string>{"9.png", "10.png", "a/1.png", "b/x.png", "b/c/1.png"});
  CHECK(all.description == "faces: 5 images without labels");
  CHECK(bench.constant_output<Dataset>("train").store == all.store);
  CHECK(faces.said("labels = 'none'\nlayout = 'classes'").find("the folders mean nothing") !=
        std::string::npos);
  CHECK(faces.said("labels = 'none'\nmin_images = 6") ==
        "'" + faces.folder.string() + "': there are 5 images, fewer than min_images = 6");

  faces.write("b/broken.png", fake::text("bad"));
  CHECK(faces.said("labels = 'none'") == faces.at("b/broken.png") + no_image);
  const Dataset good = faces.all("labels = 'none'\non_bad_image = 'skip'\nmemory = 0");
  CHECK(listing(good) == listing(all));
  CHECK(good.names == all.names);

  const Faces empty;
  CHECK(empty.said("labels = 'none'") == "'" + empty.folder.string() + "' holds no images");
  CHECK(fake::error_of([] { Bench("data.images", "path = '/nowhere'\nlabels = 'none'").open(); }) ==
        "'/nowhere' does not exist");
}

TEST_CASE("data.images: without labels, too, links do not lead round in circles") {
  const Faces faces({{"a/1.png", 1}, {"b/2.png", 2}});
  fake::fs::create_directory_symlink(faces.folder / "b", faces.folder / "a/to_b");
  CHECK(listing(faces.all("labels = 'none'")) == "faces/: 1 2 2; ");
  fake::fs::create_directory_symlink(faces.folder / "a", faces.folder / "b/to_a");
  CHECK(faces.said("labels = 'none'") == faces.at("a/to_b/to_a") + " is a link that leads round in a circle");
}

TEST_CASE("data.images: images are named by their files, in every part, bad ones left out") {
  Faces faces({{"cat/1.png", 1}, {"cat/2.png", 2}, {"dog/10.png", 3}, {"dog/9.png", 4}});
  const std::vector<std::string> names = {"cat/1.png", "cat/2.png", "dog/9.png", "dog/10.png"};
  CHECK(faces.all().names == names);
  faces.write("cat/0.png", fake::text("bad"));
  CHECK(faces.all("on_bad_image = 'skip'").names == names);
  CHECK(faces.bench("on_bad_image = 'skip'\nsplit = { test_names = ['cat'] }")
            .constant_output<Dataset>("test")
            .names == names);
  Bench slash("data.images", "path = '" + faces.folder.string() + "/'\non_bad_image = 'skip'");
  CHECK(slash.constant_output<Dataset>("all").names == names);
}

TEST_CASE("data.images: the maker is taken from a file's name") {
  const Faces faces({{"a/x_10.png", 1}, {"a/x_9.png", 2}, {"b/y_10.png", 3}, {"b/y_2.png", 4}});
  const std::string maker = "maker = '_(\\d+)\\.png$'\n";
  CHECK(faces.all(maker).drawers == std::vector<std::int32_t>{1, 2, 0, 2});  // 2, 9, 10; x_9 before x_10
  CHECK(faces.said("maker = 'x_(\\d+)'") == faces.at("b/y_2.png") +
                                                ": the name does not tell who made the image: maker = "
                                                "\"x_(\\d+)\" does not fit it");
  const Dataset held =
      faces.bench(maker + "split = { by = 'maker', test_names = ['10'] }").constant_output<Dataset>("test");
  CHECK(listing(held) == "faces/a: 1; faces/b: 3; ");
  CHECK(held.description == "faces, for testing (maker 10): 1 group, 2 classes, 2 images");
  faces.write("a/x_3.png", fake::text("bad"));  // whoever made it does not shift the others
  const Dataset skipped = faces.all(maker + "on_bad_image = 'skip'");
  CHECK(skipped.drawers == std::vector<std::int32_t>{2, 3, 0, 3});
}

TEST_CASE("data.images: parts share the pixels, and say what went where") {
  Faces faces;
  for (int i = 0; i < 20; ++i) faces.write(fmt::format("g{}/c{}/{}.png", i / 10, i / 2 % 5, i), plain(i));
  Bench bench = faces.bench("split = { by = 'class', validation = 0.2, test_names = ['g1/c0'] }");
  const Dataset all = bench.constant_output<Dataset>("all"), train = bench.constant_output<Dataset>("train"),
                validation = bench.constant_output<Dataset>("validation"),
                test = bench.constant_output<Dataset>("test");
  std::set<std::size_t> images;
  for (const Dataset* part : {&train, &validation, &test}) {
    CHECK(part->store == all.store);
    for (const Dataset::Class& one : part->classes)
      for (const std::size_t image : one.images) CHECK(images.insert(image).second);
  }
  CHECK(images.size() == 20);
  REQUIRE(bench.said.size() == 4);
  CHECK(bench.said[1] == "bench: faces, for training: 2 groups, 7 classes, 14 images");
  CHECK(bench.said[2].starts_with("bench: faces, for validation (classes g"));
  CHECK(bench.said[3] == "bench: faces, for testing (class g1/c0): 1 group, 1 classes, 2 images");
  CHECK(faces.said("", "test") == "the output 'test' is empty: set split.test or split.test_names");
  CHECK(faces.said("split = { by = 'group', test_names = ['g2'] }", "train")
            .starts_with("there is no group 'g2'; did you mean 'g"));
}

TEST_CASE("data.images: the same on any number of threads") {
  Faces faces;
  for (int i = 0; i < 60; ++i)
    faces.write(fmt::format("c{}/{}.jpg", i / 10, i), fake::encoded(".jpg", fake::slope(20 + i, 30, 3, i)));
  const auto seen = [&](int threads) {
    Dataset data;
    on_threads(threads, [&] { data = faces.all("size = 24\nfit = 'pad'\nmemory = 1"); });
    return data.store->pixels;
  };
  const auto one = seen(1);
  CHECK(one.size() == 60 * 24 * 24);
  CHECK(seen(2) == one);
  CHECK(seen(8) == one);
}

TEST_CASE("data.images: what does not fit together is refused by the check") {
  const Faces faces = two_classes();
  const auto has = [&](const std::string& more, const std::string& part) {
    CAPTURE(more);
    CHECK(faces.said(more).find(part) != std::string::npos);
  };
  has("size = 3\nwidth = 3", "give either size, or height and width, not both");
  has("width = 3", "give both height and width, or none of them");
  has("height = 3", "give both height and width, or none of them");
  has("maker = '(a'", "'(a' is not a regular expression: missing ): (a");
  has("maker = 'a'", "the regular expression has no group, in (), that takes the maker");
  has("split = { by = 'maker' }",
      "to split by maker, say in 'maker' how a file's name tells who made the image");
  has("split = { tset = 0.2 }", "split has no parameter 'tset'; did you mean 'test'?");
  has("memory = -1", "out of range");
  has("min_images = 0", "'min_images' is 0, out of range: at least 1");
  CHECK(fake::error_of([] { Bench("data.images", ""); }).find("node 'data.images' needs 'path'") !=
        std::string::npos);
}

namespace {

/// From here on the peak counts: of the process, which has freed what it can. Other tests have had far more.
void forget_peak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): the peak becomes what there is
}

/// The most memory that the process had since, in MiB.
double peak_mib() {
  std::istringstream status(read_file("/proc/self/status"));
  for (std::string word; status >> word;)
    if (word == "VmHWM:") {
      double kib = 0;
      status >> kib;
      return kib / 1024;
    }
  return 0;
}

}  // namespace

TEST_CASE("data.images: 30,000 images load within their memory budget") {
  const Faces faces;
  std::vector<std::string> files;
  for (int i = 0; i < 8; ++i) {
    const fake::Bytes bytes = fake::encoded(".png", fake::slope(8, 8, 1, 20 * i));
    files.emplace_back(bytes.begin(), bytes.end());
  }
  for (int i = 0; i < 30'000; ++i) {
    const path folder = faces.folder / fmt::format("class{}", i / 300);
    if (i % 300 == 0) fake::fs::create_directory(folder);
    std::ofstream(folder / fmt::format("{}.png", i), std::ios::binary)
        << files[static_cast<std::size_t>(i % 8)];
  }
  CHECK(two_classes().all().store->count() == 4);  // OpenCV's readers are loaded, whatever runs before
  forget_peak();
  const double before = peak_mib();
  Bench bench = faces.bench("size = 100\nmemory = 16\nsplit = { test = 0.2 }");
  const Dataset test = bench.constant_output<Dataset>("test");
  const double grown = peak_mib() - before;
  CHECK(test.store->count() == 30'000);
  CHECK(test.store->kept_count() == (16 << 20) / 10'000);
  CHECK(test.classes.size() == 20);
  const std::string said = bench.said[bench.said.size() - 2];
  INFO(said << ", and the process grew by " << grown << " MiB");
  CHECK(said.find("faces: 1 group, 100 classes, 30000 images, 100 x 100 pixels, read in ") !=
        std::string::npos);
  CHECK(said.ends_with("; 16.0 of 286.1 MiB are kept decoded"));
  MESSAGE(said << "; the process grew by " << grown << " MiB");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  CHECK(grown < 16 + 48);  // the names of the files take some; all images would take 286
#endif
  CHECK(pixels(test, 29'999) == pixels(test, 29'991));  // the same bytes
  CHECK(pixels(test, 29'999) != pixels(test, 29'992));
}

TEST_CASE(
    "data.images: the shape that the graph check is told is that of the images, unless a file decides") {
  const Faces faces = two_classes();
  CHECK(faces.bench().image_shape() == std::nullopt);
  CHECK(faces.bench("color_mode = 'color'").image_shape() == std::nullopt);
  for (const char* more : {"size = 4", "height = 3\nwidth = 5", "size = 4\ncolor_mode = 'color'"}) {
    CAPTURE(more);
    Bench bench = faces.bench(more);
    const std::shared_ptr<const PixelStore> store = bench.constant_output<Dataset>("all").store;
    CHECK(bench.image_shape() == ImageShape{store->channels, store->height, store->width});
  }
  CHECK(faces.bench("height = 3\nwidth = 5\ncolor_mode = 'color'").image_shape() == ImageShape{3, 3, 5});
  CHECK(Bench("data.images", "path = 'nowhere'\nsize = 4").image_shape() == ImageShape{1, 4, 4});  // unopened
}
