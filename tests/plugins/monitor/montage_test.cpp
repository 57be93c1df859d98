#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "plugins/monitor/contact_sheet.h"
#include "png_reader.h"
#include "temp_folder.h"
#include "twinflow/answers.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::monitor;
using twinflow::testing::Bench;
using M = SheetMeasures;

namespace {

struct Sheets : Bench {
  TempFolder folder;
  explicit Sheets(const std::string& toml = "") : Bench("monitor.montage", toml) {
    name = "preview";
    directory = folder.path;
  }
  std::filesystem::path file() const { return folder.path / "preview.png"; }
  bool there() const { return std::filesystem::exists(file()); }
  Png sheet() const { return decode_png(read_file(file())); }
};

/// Image i is all i / 10.
Images steps(std::size_t count, std::size_t height, std::size_t width, std::size_t channels = 1) {
  Images images(count, channels, height, width);
  for (std::size_t i = 0; i < count; ++i)
    std::fill_n(images.image(i), images.image_size(), static_cast<float>(i) / 10);
  return images;
}

Images blank(std::size_t count, std::size_t channels, std::size_t size) {
  Images images(count, channels, size, size);
  std::fill(images.pixels.begin(), images.pixels.end(), 0.0f);
  return images;
}

std::uint8_t byte(double value) { return static_cast<std::uint8_t>(std::lround(255 * value)); }
Colour grey(double value) { return {byte(value), byte(value), byte(value)}; }

constexpr std::size_t first_y = M::margin + M::line + M::line + M::frame, first_x = M::margin + M::frame;
const Colour same = frame_colour(Tile::Kind::same), different = frame_colour(Tile::Kind::different);
constexpr Colour paper{250, 250, 250}, magenta{255, 0, 255};

}  // namespace

TEST_CASE("monitor.montage: pairs stand side by side, in the colour of their label") {
  Sheets bench("scale = 8\ncolumns = 2");
  Images images = steps(6, 9, 10);
  images.image(0)[1] = 1.0f;  // row 0, column 1 of the first pair's left image
  bench.process(PairBatch{images, {0, 1, 1}, 0});
  const Png sheet = bench.sheet();
  const std::size_t tile_width = 2 * 80 + M::gap + 2 * M::frame, tile_height = M::line + 72 + 2 * M::frame;
  CHECK(sheet.width == M::margin + 2 * (tile_width + M::margin));
  CHECK(sheet.height == M::margin + M::line + 2 * (tile_height + M::margin));

  const std::size_t y[] = {first_y, first_y, first_y + tile_height + M::margin};
  const std::size_t x[] = {first_x, first_x + tile_width + M::margin, first_x};
  const Colour frames[] = {same, different, different};
  for (std::size_t pair = 0; pair < 3; ++pair) {
    CAPTURE(pair);
    const std::size_t top = y[pair], left = x[pair], right = left + 80 + M::gap;
    for (const std::size_t row : {top, top + 71}) {  // the four corners of both images
      if (pair > 0 || row > top) CHECK(sheet.at(row, left) == grey(static_cast<double>(pair) / 10));
      CHECK(sheet.at(row, left + 79) == grey(static_cast<double>(pair) / 10));
      CHECK(sheet.at(row, right) == grey(static_cast<double>(3 + pair) / 10));
      CHECK(sheet.at(row, right + 79) == grey(static_cast<double>(3 + pair) / 10));
      for (const std::size_t frame : {left - M::frame, left - 1, left + 80, right - 1, right + 80})
        CHECK(sheet.at(row, frame) == frames[pair]);
    }
    CHECK(sheet.at(top - M::frame, left - M::frame) == frames[pair]);
    CHECK(sheet.at(top + 71 + M::frame, right + 79 + M::frame) == frames[pair]);
    const std::vector<Colour> label = sheet.line(top - M::frame - M::line, left - M::frame, 60);
    CHECK(std::any_of(label.begin(), label.end(), [](const Colour& one) { return one != paper; }));
  }
  // Magnified 8 times.
  CHECK(sheet.at(first_y, first_x + 7) == grey(0));
  CHECK(sheet.at(first_y, first_x + 8) == grey(1));
  CHECK(sheet.at(first_y + 7, first_x + 15) == grey(1));
  CHECK(sheet.at(first_y + 8, first_x + 15) == grey(0));
  CHECK(bench.said == std::vector<std::string>{"preview: 3 pairs, 9 x 10 pixels: " + bench.file().string()});
}

TEST_CASE("monitor.montage: labels are read the way the batch says, and written out") {
  const auto label = [](std::uint8_t label, std::uint8_t label_of_same) {
    Sheets bench("scale = 4");
    bench.process(PairBatch{steps(2, 20, 20), {label}, label_of_same});
    return std::pair(bench.sheet().at(first_y, first_x - 1),
                     bench.sheet().line(M::margin + M::line, M::margin, 160));
  };
  CHECK(label(0, 0).first == same);
  CHECK(label(1, 0).first == different);
  CHECK(label(1, 1).first == same);
  CHECK(label(0, 1).first == different);
  CHECK(label(1, 1).second != label(0, 0).second);  // "same (1)", "same (0)"
  CHECK(label(0, 1).second != label(1, 0).second);
}

TEST_CASE("monitor.montage: the images of a class stand side by side") {
  Sheets bench("scale = 8\ncolumns = 1");
  bench.process(ImageBatch{steps(5, 10, 10), {7, 3, 7, 3, 3}});
  const Png sheet = bench.sheet();
  const std::size_t down = M::line + 80 + 2 * M::frame + M::margin, right = 80 + M::gap;
  CHECK(sheet.at(first_y, first_x) == grey(0));
  CHECK(sheet.at(first_y, first_x + right) == grey(0.2));
  CHECK(sheet.at(first_y, first_x + 2 * right) == paper);  // the frame is no longer than needed
  CHECK(sheet.at(first_y + down, first_x) == grey(0.1));
  CHECK(sheet.at(first_y + down, first_x + right) == grey(0.3));
  CHECK(sheet.at(first_y + down, first_x + 2 * right) == grey(0.4));
  CHECK(sheet.at(first_y, first_x - 1) == frame_colour(Tile::Kind::one_class));
  CHECK(sheet.line(M::margin + M::line, M::margin, 80) !=
        sheet.line(M::margin + M::line + down, M::margin, 80));
  CHECK(bench.said.at(0).starts_with("preview: 5 images, 10 x 10 pixels: "));
}

TEST_CASE("monitor.montage: more than eight images of a class go on in another tile") {
  Sheets bench("scale = 8\ncolumns = 1");
  bench.process(ImageBatch{steps(9, 10, 10), std::vector<std::int32_t>(9, 2)});
  const Png sheet = bench.sheet();
  CHECK(sheet.width == 2 * M::margin + 2 * M::frame + 8 * 80 + 7 * M::gap);
  CHECK(sheet.at(first_y + M::line + 80 + 2 * M::frame + M::margin, first_x) == grey(0.8));
}

TEST_CASE("monitor.montage: colours") {
  Images images = blank(1, 3, 10);
  std::fill_n(images.plane(0, 0), 100, 1.0f);
  std::fill_n(images.plane(0, 1), 100, 0.5f);
  Sheets bench("scale = 8");
  bench.process(ImageBatch{images, {0}});
  CHECK(bench.sheet().at(first_y, first_x) == Colour{255, 128, 0});
}

TEST_CASE("monitor.montage: values outside of [0, 1] are stretched over the sheet, and that is said") {
  Images images = steps(2, 10, 30);
  std::fill_n(images.image(0), 300, -2.0f);
  images.image(0)[299] = 3.0f;
  std::fill_n(images.image(1), 300, 0.5f);
  Sheets bench("scale = 4");
  bench.process(ImageBatch{images, {0, 0}});
  const Png sheet = bench.sheet();
  CHECK(sheet.at(first_y, first_x) == grey(0));
  CHECK(sheet.at(first_y + 39, first_x + 119) == grey(1));
  CHECK(sheet.at(first_y, first_x + 120 + M::gap) == grey(0.5));
  CHECK(bench.said.at(0).starts_with("preview: 2 images, 10 x 30 pixels, black is -2, white is 3: "));

  Sheets close("scale = 4");  // a rounding error is none of that
  images = steps(1, 10, 30);
  images.image(0)[0] = -1e-6f, images.image(0)[1] = 1 + 1e-6f;
  close.process(ImageBatch{images, {0}});
  CHECK(close.sheet().at(first_y, first_x) == grey(0));
  CHECK(close.said.at(0).starts_with("preview: 1 image, 10 x 30 pixels: "));

  Sheets flat("scale = 4");
  std::fill(images.pixels.begin(), images.pixels.end(), -1.0f);
  flat.process(ImageBatch{images, {0}});
  CHECK(flat.sheet().at(first_y, first_x) == grey(0.5));
}

TEST_CASE("monitor.montage: what is not finite stands out, and is said") {
  Images images = steps(1, 10, 10);
  images.image(0)[0] = std::numeric_limits<float>::quiet_NaN();
  images.image(0)[99] = std::numeric_limits<float>::infinity();
  Sheets bench("scale = 8");
  bench.process(ImageBatch{images, {0}});
  CHECK(bench.sheet().at(first_y, first_x) == magenta);
  CHECK(bench.sheet().at(first_y, first_x + 8) == grey(0));
  CHECK(bench.sheet().at(first_y + 79, first_x + 79) == magenta);
  CHECK(bench.said.at(0).starts_with("preview: 1 image, 10 x 10 pixels, 2 values are not finite: magenta: "));
}

TEST_CASE("monitor.montage: by itself a sheet fills 1200 x 1200 pixels") {
  const auto sheet = [](std::size_t pairs, std::size_t size, const std::string& toml = "") {
    Sheets bench("most = 100000\n" + toml);
    bench.process(PairBatch{blank(2 * pairs, 1, size), std::vector<std::uint8_t>(pairs), 0});
    return bench.sheet();
  };
  for (const std::size_t pairs : {3, 24, 64})
    for (const std::size_t size : {20, 35, 105}) {
      CAPTURE(pairs);
      CAPTURE(size);
      const Png one = sheet(pairs, size);
      CHECK(one.width <= 1200);
      CHECK(std::max(one.width, one.height) > 700);
      if (size < 105) CHECK(one.height <= 1200);
    }
  CHECK(sheet(400, 105).height > 1200);  // not smaller than the pixels are
  CHECK(sheet(400, 105).width <= 1200);
  const std::size_t tile = 2 * 105 + M::gap + 2 * M::frame;
  CHECK(sheet(30, 105, "columns = 8").width == M::margin + 8 * (tile + M::margin));  // as asked for
  CHECK(sheet(4, 35, "columns = 2").width > 1100);
}

TEST_CASE("monitor.montage: a batch shows at most so many") {
  Sheets bench("scale = 8\nmost = 2\nitems = 2\ncolumns = 9");
  bench.process(PairBatch{steps(6, 10, 10), {0, 0, 0}, 0});
  bench.process(PairBatch{steps(6, 10, 10), {1, 1, 1}, 0});
  const Png sheet = bench.sheet();
  const std::size_t tile = 160 + M::gap + 2 * M::frame;
  CHECK(sheet.width == M::margin + 4 * (tile + M::margin));
  CHECK(sheet.at(first_y, first_x - 1 + tile + M::margin) == same);
  CHECK(sheet.at(first_y, first_x - 1 + 2 * (tile + M::margin)) == different);
  CHECK(bench.said.at(0).starts_with("preview: 4 of 6 pairs in 2 batches, 10 x 10 pixels: "));
}

TEST_CASE(
    "monitor.montage writes once: when the batches are there, or at the first epoch's end, or at the end") {
  const PairBatch pairs{steps(2, 10, 10), {0}, 0};
  Sheets enough("items = 2");
  enough.process(pairs);
  CHECK(!enough.there());
  enough.process(pairs);
  CHECK(enough.there());
  std::filesystem::remove(enough.file());
  enough.process(pairs);
  enough.finish_epoch();
  enough.close();
  CHECK(!enough.there());
  CHECK(enough.said.size() == 1);

  Sheets short_epoch("items = 5");
  short_epoch.process(pairs);
  short_epoch.finish_epoch();
  CHECK(short_epoch.there());

  Sheets stopped("items = 5");
  stopped.process(pairs);
  stopped.close();
  CHECK(stopped.there());

  Sheets nothing;
  nothing.open();
  nothing.finish_epoch();
  nothing.close();
  CHECK(!nothing.there());
}

TEST_CASE("monitor.montage reads the images that it shows, and no later ones") {
  const auto store = std::make_shared<PixelStore>();
  std::atomic<int> decoded = 0;
  store->height = store->width = 10;
  store->decoded_count = 2;
  store->decode = [&](std::size_t image, std::uint8_t* to) {
    std::fill_n(to, 100, static_cast<std::uint8_t>(image * 255));
    ++decoded;
  };
  Sheets bench("scale = 8");
  for (int i = 0; i < 3; ++i) bench.process(PairBatch{Images(store, {{1}, {0}}), {0}, 0});
  CHECK(decoded == 2);
  CHECK(bench.sheet().at(first_y, first_x) == grey(1));
  CHECK(bench.sheet().at(first_y, first_x + 80 + M::gap) == grey(0));
}

TEST_CASE("monitor.montage goes on where it stopped") {
  for (const bool pairs : {true, false}) {
    const auto batch = [&](int i) -> AnyBatch {
      if (pairs) return PairBatch{steps(4, 10, 10 + i), {0, 1}, 1};
      return ImageBatch{steps(4, 10, 10 + i), {5, 6, 5, i}};
    };
    const std::string toml = "items = 3\nmost = 3";
    Sheets whole(toml);
    for (const int i : {0, 1, 2}) whole.process(batch(i));
    for (const int stop : {0, 1, 2, 3}) {
      CAPTURE(stop);
      Sheets before(toml), after(toml);
      before.open();
      for (int i = 0; i < stop; ++i) before.process(batch(i));
      if (stop == 3) after.directory = before.directory;  // where the sheet is
      after.restore(before.save());
      for (int i = stop; i < 3; ++i) after.process(batch(i));
      after.process(batch(9));
      after.close();
      const Sheets& writer = stop == 3 ? before : after;
      CHECK(after.there() == (stop < 3));
      CHECK(read_file(writer.file()) == read_file(whole.file()));
    }
  }
}

TEST_CASE("monitor.montage: another name") {
  Sheets bench("file = \"first look.png\"");
  bench.process(PairBatch{steps(2, 10, 10), {0}, 0});
  CHECK(std::filesystem::exists(bench.folder.path / "first look.png"));
  CHECK(!bench.there());
}

TEST_CASE("monitor.montage refuses what cannot be shown or written") {
  const auto failure = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  CHECK(failure([] {
          Sheets("file = \"a/b.png\"");
        }).find("a name is needed, not a path: the sheet is written into the run directory") !=
        std::string::npos);
  for (const std::string file : {"result.json", "..", "best.safetensors", "sheet.jpg"})
    CHECK(failure([&] {
            Sheets("file = \"" + file + "\"");
          }).find("the sheet is a PNG image: a name is needed that ends in .png") != std::string::npos);
  CHECK(failure([] { Sheets("items = 0"); }).find("'items' is 0, out of range: at least 1") !=
        std::string::npos);
  CHECK(failure([] {
          Sheets().process(ImageBatch{Images(1, 2, 4, 4), {0}});
        }) == "only images of 1 or 3 channels can be shown, these have 2");
}

TEST_CASE("monitor.montage: a sheet that cannot be written ends nothing, and is tried again") {
  Sheets bench;
  std::filesystem::create_directory(bench.file());  // in the way
  bench.process(PairBatch{steps(2, 10, 10), {0}, 0});
  bench.finish_epoch();
  bench.finish_epoch();
  REQUIRE(bench.said.size() == 1);
  CHECK(bench.said[0].find(bench.file().string() + "': Is a directory; it is tried again later") !=
        std::string::npos);
  std::filesystem::remove(bench.file());
  bench.finish_epoch();
  REQUIRE(bench.said.size() == 2);
  CHECK(bench.said[1].ends_with(": " + bench.file().string()));
  CHECK(bench.sheet().width > 0);
  bench.close();
  CHECK(bench.said.size() == 2);

  Sheets never;
  std::filesystem::create_directory(never.file());
  never.process(PairBatch{steps(2, 10, 10), {0}, 0});
  never.close();
  CHECK(never.said.back() == "preview: 'preview.png' could not be written");
}

TEST_CASE("monitor.montage: a sheet that is missing when the run is resumed is drawn anew") {
  Sheets before, after;
  before.process(PairBatch{steps(2, 10, 10), {0}, 0});
  after.restore(before.save());
  CHECK(after.said ==
        std::vector<std::string>{"preview: '" + after.file().string() + "' is missing: it is drawn anew"});
  after.process(PairBatch{steps(2, 10, 10), {0}, 0});
  CHECK(read_file(after.file()) == read_file(before.file()));
}

namespace {

/// Image i of the store is all i.
std::shared_ptr<PixelStore> store_of(std::size_t count, std::size_t size, std::size_t channels = 1) {
  const auto store = std::make_shared<PixelStore>();
  store->channels = channels;
  store->height = store->width = size;
  for (std::size_t i = 0; i < count; ++i)
    store->pixels.insert(store->pixels.end(), store->image_size(), static_cast<std::uint8_t>(i));
  return store;
}

WrongAnswers wrong_answers(std::vector<Answer> answers, std::shared_ptr<const PixelStore> store) {
  return {.node = "one_shot",
          .epoch = 11,
          .step = 1200,
          .protocol = "20-way 1-shot, test letters",
          .trials = 400,
          .wrong = answers.size(),
          .store = std::move(store),
          .answers = std::move(answers)};
}

/// Where the tiles of the first answer are: of the only shots at scale 8, labels being narrower than that.
struct Three {
  std::size_t size;
  std::size_t query = first_x, right = query + size + 2 * M::frame + 2 * M::gap,
              given = right + size + 2 * M::frame + 2 * M::gap;
};

}  // namespace

TEST_CASE("monitor.montage: a wrong answer is the query, the right class and the one answered") {
  Sheets bench("scale = 8\ncolumns = 1");
  bench.process(
      wrong_answers({{201, {51}, {101}, 0.5, 0.25}, {200, {50}, {100}, 0.31, 0.28}}, store_of(250, 20)));
  const Png sheet = bench.sheet();
  const Three x{160};
  const std::size_t down = M::line + 160 + 2 * M::frame + M::margin;
  for (const std::size_t row : {0, 1}) {
    CAPTURE(row);
    const std::size_t y = first_y + row * down;
    const auto shade = [&](std::size_t image) { return grey(static_cast<double>(image + 1 - row) / 255); };
    CHECK(sheet.at(y, x.query) == shade(200));
    CHECK(sheet.at(y, x.query - 1) == frame_colour(Tile::Kind::one_class));
    CHECK(sheet.at(y, x.right) == shade(50));
    CHECK(sheet.at(y, x.right - 1) == same);
    CHECK(sheet.at(y + 159, x.given + 159) == shade(100));
    CHECK(sheet.at(y, x.given - 1) == different);
    for (const std::size_t left : {x.query, x.right, x.given}) {
      const std::vector<Colour> label = sheet.line(y - M::frame - M::line, left - M::frame, 60);
      CHECK(std::any_of(label.begin(), label.end(), [](const Colour& one) { return one != paper; }));
    }
  }
  CHECK(sheet.line(first_y - M::frame - M::line, x.given, 100) !=
        sheet.line(first_y + down - M::frame - M::line, x.given, 100));  // 0.25, 0.28
  CHECK(bench.said.empty());
  bench.close();
  CHECK(bench.said ==
        std::vector<std::string>{
            "preview: one_shot after epoch 12 (step 1200): 2 of 400 answers wrong; 20-way 1-shot, test "
            "letters; 20 x 20 pixels, the numbers are distances from the query: " +
            bench.file().string()});
}

TEST_CASE("monitor.montage: the sheet is that of the last evaluation, and of none wrong a sentence") {
  Sheets bench("scale = 8");
  const auto store = store_of(250, 20);
  bench.process(wrong_answers({{200, {50}, {100}, 0.31, 0.28}}, store));
  bench.finish_epoch();
  const std::string first = read_file(bench.file());
  bench.process(wrong_answers({{201, {50}, {100}, 0.31, 0.28}}, store));
  CHECK(bench.sheet().at(first_y, first_x) == grey(201.0 / 255));
  bench.process(wrong_answers({}, store));
  const Png none = bench.sheet();
  CHECK(none.height == M::margin + M::line);
  const std::vector<Colour> text = none.line(M::margin / 2, M::margin, none.width - 2 * M::margin);
  CHECK(std::any_of(text.begin(), text.end(), [](const Colour& one) { return one != paper; }));
  bench.close();
  CHECK(bench.said.back() ==
        "preview: one_shot after epoch 12 (step 1200): all 400 answers right; 20-way 1-shot, test "
        "letters: " +
            bench.file().string());
  bench.process(wrong_answers({{200, {50}, {100}, 0.31, 0.28}}, store));
  CHECK(read_file(bench.file()) == first);
}

TEST_CASE("monitor.montage: at most so many wrong answers, and only their images are read") {
  const auto store = std::make_shared<PixelStore>();
  std::atomic<int> decoded = 0;
  store->height = store->width = 20;
  store->decoded_count = 250;
  store->decode = [&](std::size_t image, std::uint8_t* to) {
    std::fill_n(to, 400, static_cast<std::uint8_t>(image));
    ++decoded;
  };
  Sheets bench("scale = 8\ncolumns = 1\nmost = 2");
  WrongAnswers wrong = wrong_answers(
      {{203, {50}, {100}, 0.9, 0.1}, {204, {50}, {100}, 0.8, 0.1}, {201, {50}, {100}, 0.3, 0.28}}, store);
  wrong.wrong = 300;       // but not all are given out
  wrong.protocol.clear();  // then the title is one line
  bench.process(wrong);
  CHECK(decoded == 6);
  const std::size_t down = M::line + 160 + 2 * M::frame + M::margin;
  CHECK(bench.sheet().at(first_y, first_x) == grey(203.0 / 255));
  CHECK(bench.sheet().at(first_y + down, first_x) == grey(204.0 / 255));
  bench.close();
  CHECK(bench.said.back().find(": 300 of 400 answers wrong, here are the 2 most wrong; ") !=
        std::string::npos);
}

TEST_CASE("monitor.montage: what it says of answers that are not all given out, of ties and of a collapse") {
  const auto said = [](std::size_t wrong, std::size_t tied, bool collapsed, std::vector<Answer> answers) {
    Sheets bench("scale = 8");
    WrongAnswers made = wrong_answers(std::move(answers), store_of(250, 20));
    made.wrong = wrong, made.tied = tied, made.collapsed = collapsed;
    bench.process(made);
    bench.close();
    const std::string text = bench.said.back();
    const std::size_t from = text.find("1200): ") + 7;
    return text.substr(from, text.find(';') - from);
  };
  const Answer one{200, {50}, {100}, 0.31, 0.28};
  CHECK(said(1, 3, false, {one}) == "1 of 400 answers wrong, 3 tied");
  CHECK(said(37, 3, false, {one}) == "37 of 400 answers wrong, 3 tied, here is the most wrong one");
  CHECK(said(0, 400, false, {}) == "0 of 400 answers wrong, 400 tied");
  CHECK(said(0, 0, false, {}) == "all 400 answers right");
  CHECK(said(0, 400, true, {}) == "the model has collapsed: it tells no image from another");
  CHECK(said(20, 0, true, {}) == "the model has collapsed: it tells no image from another");
}

TEST_CASE("monitor.montage: of a class's shots, the first four") {
  Sheets bench("scale = 8\ncolumns = 1");
  bench.process(wrong_answers({{200, {50, 51, 52, 53, 54}, {100, 101}, 0.31, 0.28}}, store_of(250, 20)));
  const Png sheet = bench.sheet();
  const std::size_t right = first_x + 160 + 2 * M::frame + 2 * M::gap;
  for (std::size_t i = 0; i < 4; ++i)
    CHECK(sheet.at(first_y, right + i * (160 + M::gap)) == grey(static_cast<double>(50 + i) / 255));
  const std::size_t given = right + 4 * 160 + 3 * M::gap + 2 * M::frame + 2 * M::gap;
  CHECK(sheet.at(first_y, given) == grey(100.0 / 255));
  CHECK(sheet.at(first_y, given + 160 + M::gap) == grey(101.0 / 255));
  CHECK(sheet.at(first_y, given + 2 * 160 + M::gap) == different);
}

TEST_CASE("monitor.montage: a long title goes on in further lines, and labels fit their tiles") {
  WrongAnswers wrong = wrong_answers({{200, {50}, {100}, 1234.5678, 1e-9}}, store_of(250, 4));
  for (int i = 0; i < 40; ++i) wrong.protocol += ", and some more";
  Sheets bench("scale = 1");
  bench.process(wrong);
  const Png sheet = bench.sheet();
  CHECK(sheet.width <= M::width);
  const std::size_t lines = (sheet.height - 2 * M::margin - M::line - 4 - 2 * M::frame) / M::line;
  CHECK(lines >= 4);
  for (std::size_t line = 0; line < lines; ++line) {
    const std::vector<Colour> text = sheet.line(M::margin / 2 + line * M::line, M::margin, 300);
    CHECK(std::any_of(text.begin(), text.end(), [](const Colour& one) { return one != paper; }));
  }
  for (const std::size_t x : {M::margin / 2, sheet.width - M::margin / 2})  // nothing is cut
    for (std::size_t y = 0; y < sheet.height; ++y) CHECK(sheet.at(y, x) == paper);
  // Between two labels is paper: the frames are where these begin.
  std::vector<std::size_t> frames;
  const std::size_t y = M::margin + lines * M::line + M::line;
  for (std::size_t x = 1; x < sheet.width; ++x)
    if (sheet.at(y, x) != paper && sheet.at(y, x - 1) == paper) frames.push_back(x);
  REQUIRE(frames.size() == 3);
  for (const std::size_t x : {frames[1], frames[2]}) {
    for (const Colour& one : sheet.line(y - M::line, x - 2 * M::gap, 2 * M::gap - 1)) CHECK(one == paper);
    CHECK(x - frames[0] > 30);
  }
}

TEST_CASE("monitor.montage: coloured wrong answers, and images that cannot be shown") {
  Sheets bench("scale = 8");
  const auto store = store_of(3, 20, 3);
  store->pixels[0] = 255;  // red, at the first pixel of image 0
  bench.process(wrong_answers({{0, {1}, {2}, 2, 1}}, store));
  CHECK(bench.sheet().at(first_y, first_x) == Colour{255, 0, 0});
  CHECK_THROWS_WITH(Sheets().process(wrong_answers({{0, {1}, {2}, 2, 1}}, store_of(3, 20, 2))),
                    "only images of 1 or 3 channels can be shown, these have 2");
}

TEST_CASE("monitor.montage: wrong answers, resumed; and a sheet that cannot be written") {
  Sheets before, after, nothing;
  const auto store = store_of(250, 20);
  before.process(wrong_answers({{200, {50}, {100}, 0.31, 0.28}}, store));
  after.restore(before.save());
  after.close();  // nothing was measured since
  CHECK(after.said.at(0).starts_with("preview: one_shot after epoch 12 (step 1200): 1 of 400 answers wrong"));
  after.process(wrong_answers({{200, {50}, {100}, 0.31, 0.28}}, store));
  CHECK(read_file(after.file()) == read_file(before.file()));

  std::filesystem::create_directory(nothing.file());
  nothing.process(wrong_answers({}, nullptr));
  nothing.close();
  REQUIRE(nothing.said.size() == 2);  // the run goes on
  CHECK(nothing.said[0].find("/preview.png': Is a directory; it is tried again later") != std::string::npos);
  CHECK(nothing.said[1] == "preview: 'preview.png' could not be written");

  CHECK_THROWS_WITH_AS(Bench("monitor.montage", "items = 2", 1, {{"in", typeid(WrongAnswers)}}),
                       doctest::Contains("it counts batches: wrong answers are drawn for each evaluation"),
                       Error);
}
