#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <regex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "plugins/monitor/event_records.h"
#include "png_reader.h"
#include "temp_folder.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::monitor;
using events::Event;
using events::HistogramProto;
using twinflow::testing::Bench;

namespace {

using Fed = Inputs<std::optional<std::variant<Metrics, ImageBatch, PairBatch>>>;

struct Board : Bench {
  explicit Board(const TempFolder& folder, const std::string& toml = "", const std::string& called = "board",
                 std::vector<FedInput> fed = {})
      : Bench("monitor.tensorboard", toml, 1, std::move(fed)) {
    name = called;
    directory = folder.path;
  }
  void evaluated(std::uint64_t step, std::vector<float> weights) {
    auto model = std::make_shared<NamedTensors>();
    model->tensors["0.dense.weight"] = {{static_cast<std::int64_t>(weights.size())}, std::move(weights)};
    process(Fed{Metrics{"one_shot", 0, step, {}, "", model}}, {0, step, step});
  }
};

/// A CRC-32C bit by bit, as its polynomial says.
std::uint32_t slow_crc(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<std::uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78 : 0);  // 0x1EDC6F41 reversed
  }
  return ~crc;
}
std::uint32_t slow_mask(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8; }

template <class Number>
Number number_at(const std::string& bytes, std::size_t at) {
  Number number;
  REQUIRE(at + sizeof number <= bytes.size());
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

/// The events of a file, as far as there are whole records.
std::vector<Event> parse(const std::string& bytes) {
  std::vector<Event> all;
  std::size_t at = 0;
  while (at + 12 <= bytes.size()) {
    const auto length = number_at<std::uint64_t>(bytes, at);
    REQUIRE(number_at<std::uint32_t>(bytes, at + 8) == slow_mask(slow_crc(bytes.substr(at, 8))));
    if (at + 12 + length + 4 > bytes.size()) break;
    const std::string data = bytes.substr(at + 12, length);
    REQUIRE(number_at<std::uint32_t>(bytes, at + 12 + length) == slow_mask(slow_crc(data)));
    REQUIRE(all.emplace_back().ParseFromString(data));
    at += 12 + length + 4;
  }
  return all;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// The events of the only file there.
std::vector<Event> events_in(const std::filesystem::path& folder) {
  const auto files = files_in(folder);
  REQUIRE(files.size() == 1);
  return parse(read_file(files[0]));
}

struct Scalar {
  std::int64_t step;
  std::string tag;
  float value;
  bool operator==(const Scalar&) const = default;
};
std::vector<Scalar> scalars_of(const std::vector<Event>& events) {
  std::vector<Scalar> all;
  for (const Event& event : events)
    for (const auto& value : event.summary().value())
      if (value.value_case() == events::Summary::Value::kSimpleValue)
        all.push_back({event.step(), value.tag(), value.simple_value()});
  return all;
}

/// Histograms: step, tag, what it holds.
std::vector<std::tuple<std::int64_t, std::string, HistogramProto>> histograms_of(
    const std::vector<Event>& events) {
  std::vector<std::tuple<std::int64_t, std::string, HistogramProto>> all;
  for (const Event& event : events)
    for (const auto& value : event.summary().value())
      if (value.has_histo()) all.emplace_back(event.step(), value.tag(), value.histo());
  return all;
}

}  // namespace

TEST_CASE("checksums of event files: known answers") {
  CHECK(slow_crc("123456789") == 0xE3069283);
  CHECK(masked_crc("123456789") == slow_mask(0xE3069283));
  CHECK(masked_crc("") == slow_mask(0));
  CHECK(masked_crc(std::string(32, '\0')) == slow_mask(0x8A9136AA));  // RFC 3720, B.4
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    all += static_cast<char>(i * 7);
    CHECK(masked_crc(all) == slow_mask(slow_crc(all)));
  }
}

TEST_CASE("a record of an event file, byte by byte") {
  Event event;
  event.set_file_version("brain.Event:2");
  const std::string bytes = record(event);
  const std::string data =
      "\x1a\x0d"
      "brain.Event:2";  // field 3, of 13 bytes
  CHECK(bytes.size() == 8 + 4 + data.size() + 4);
  CHECK(bytes.substr(0, 8) == std::string("\x0f\0\0\0\0\0\0\0", 8));
  CHECK(bytes.substr(12, data.size()) == data);
  CHECK(parse(bytes).size() == 1);
}

TEST_CASE("monitor.tensorboard: every number that is reported") {
  const TempFolder folder;
  Board bench(folder);
  bench.hear("one_shot", {}, {{"accuracy", 0.25}});
  bench.hear("twin", {0, 0, 0}, {{"loss", 0.7}, {"learning_rate", 1e-3}});
  bench.hear("twin", {0, 1, 1}, {{"loss", std::numeric_limits<double>::infinity()}});
  CHECK(!std::filesystem::exists(folder.path / "board"));  // only now and then
  bench.finish_epoch({0, 1, 1});
  bench.hear("one_shot", {1, 5, 9}, {{"accuracy", 0.5}});
  bench.close();
  const std::vector<Event> all = events_in(folder.path / "board");
  CHECK(all.at(0).file_version() == "brain.Event:2");
  CHECK(scalars_of(all) == std::vector<Scalar>{{0, "one_shot/accuracy", 0.25f},
                                               {0, "twin/learning_rate", 1e-3f},
                                               {0, "twin/loss", 0.7f},
                                               {1, "twin/loss", std::numeric_limits<float>::infinity()},
                                               {9, "one_shot/accuracy", 0.5f}});
  const double now = std::time(nullptr);
  for (const Event& event : all) {
    CHECK(event.wall_time() > now - 100);
    CHECK(event.wall_time() < now + 2);
  }
  CHECK(bench.said.empty());
  CHECK(std::regex_match(files_in(folder.path / "board")[0].filename().string(),
                         std::regex("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.0")));
}

TEST_CASE("monitor.tensorboard: nothing to write makes no file") {
  const TempFolder folder;
  Board bench(folder);
  bench.finish_epoch();
  bench.close();
  CHECK(files_in(folder.path).empty());
}

TEST_CASE("monitor.tensorboard: a node's numbers once in so many steps") {
  const TempFolder folder;
  Board bench(folder, "every = 4");
  for (std::uint64_t step = 2; step < 13; ++step) {
    bench.hear("twin", {0, step, step}, {{"loss", 0.5}});
    bench.hear("twin", {0, step, step}, {{"more", 0.25}});  // of the same step
    if (step % 5 == 0) bench.hear("one_shot", {0, step, step}, {{"accuracy", 1}});
  }
  bench.close();
  std::vector<std::pair<std::int64_t, std::string>> kept;
  for (const Scalar& one : scalars_of(events_in(folder.path / "board"))) kept.emplace_back(one.step, one.tag);
  CHECK(kept == std::vector<std::pair<std::int64_t, std::string>>{{2, "twin/loss"},
                                                                  {2, "twin/more"},
                                                                  {5, "one_shot/accuracy"},
                                                                  {6, "twin/loss"},
                                                                  {6, "twin/more"},
                                                                  {10, "twin/loss"},
                                                                  {10, "twin/more"},
                                                                  {10, "one_shot/accuracy"}});
}

TEST_CASE("a histogram counts each finite value once, in buckets a tenth wider each") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> values{0,     -0.0f, 1,      -1,       1e-12f,    1e-20f,        -1e-20f,
                            1e19f, 3e38f, -3e38f, infinity, -infinity, std::nanf(""), 1.1f};
  std::mt19937 random(5);
  std::normal_distribution<float> normal(0.1f, 0.02f);
  for (int i = 0; i < 1000; ++i) values.push_back(normal(random));
  std::uniform_int_distribution<std::uint32_t> bits;
  for (int i = 0; i < 20000; ++i) values.push_back(std::bit_cast<float>(bits(random)));  // of any size
  const HistogramProto histogram = histogram_of(values);

  std::vector<double> finite;
  for (const float value : values)
    if (std::isfinite(value)) finite.push_back(value);
  double sum = 0, squares = 0;
  for (const double value : finite) sum += value, squares += value * value;
  CHECK(histogram.num() == finite.size());
  CHECK(histogram.sum() == sum);
  CHECK(histogram.sum_squares() == squares);
  CHECK(histogram.min() == *std::min_element(finite.begin(), finite.end()));
  CHECK(histogram.max() == *std::max_element(finite.begin(), finite.end()));

  REQUIRE(histogram.bucket_size() == histogram.bucket_limit_size());
  double before = -std::numeric_limits<double>::infinity(), counted = 0;
  for (int i = 0; i < histogram.bucket_size(); ++i) {
    const double limit = histogram.bucket_limit(i);
    CHECK(limit > before);
    double count = 0;
    for (const double value : finite) count += value >= before && value < limit;
    CHECK(histogram.bucket(i) == count);
    if (i > 0) CHECK((count > 0 || histogram.bucket(i - 1) > 0));  // no two empty ones side by side
    counted += count;
    // Where values lie, a bucket is a tenth wide; the outermost ones and those at 0 take what is beyond.
    if (count > 0 && std::abs(limit) > 1e-11 && std::abs(limit) < 9e19 && before > -9e19)
      CHECK(std::max(limit / before, before / limit) == doctest::Approx(1.1));
    before = limit;
  }
  CHECK(counted == finite.size());

  CHECK(histogram_of({}).num() == 0);
  CHECK(histogram_of({infinity, std::nanf("")}).num() == 0);
  const HistogramProto one = histogram_of({0.5f, 0.5f});
  CHECK(one.bucket_size() == 3);  // what is below, the two, what is above
  CHECK(one.bucket(1) == 2);
}

TEST_CASE("monitor.tensorboard: histograms of the weights that were measured") {
  const TempFolder folder;
  Board bench(folder, "histograms = 2");
  for (std::uint64_t i = 0; i < 4; ++i) bench.evaluated(10 * i, {0.5f, static_cast<float>(i)});
  bench.process(Fed{Metrics{"one_shot", 0, 40, {}, "", nullptr}}, {0, 40, 40});  // without a model
  bench.close();
  const auto all = histograms_of(events_in(folder.path / "board"));
  REQUIRE(all.size() == 2);
  for (const std::uint64_t i : {0, 1}) {
    const auto& [step, tag, histogram] = all[i];
    CHECK(step == 20 * i);
    CHECK(tag == "weights/0.dense.weight");
    CHECK(histogram.SerializeAsString() ==
          histogram_of({0.5f, static_cast<float>(2 * i)}).SerializeAsString());
  }

  const TempFolder another;
  Board none(another, "histograms = 0");
  none.evaluated(10, {0.5f});
  none.close();
  CHECK(files_in(another.path).empty());
}

TEST_CASE("monitor.tensorboard: images of the first batch of an epoch") {
  const auto pictures = [](const TempFolder& folder) {
    std::vector<std::tuple<std::int64_t, std::string, Png>> all;
    for (const Event& event : events_in(folder.path / "board"))
      for (const auto& value : event.summary().value()) {
        REQUIRE(value.has_image());
        all.emplace_back(event.step(), value.tag(), decode_png(value.image().encoded_image_string()));
        CHECK(value.image().width() == static_cast<int>(std::get<2>(all.back()).width));
        CHECK(value.image().height() == static_cast<int>(std::get<2>(all.back()).height));
        CHECK(value.image().colorspace() == 3);
      }
    return all;
  };
  constexpr std::size_t frame = SheetMeasures::frame, gap = SheetMeasures::gap;
  Images six(6, 1, 4, 5);
  for (std::size_t i = 0; i < 6; ++i) std::fill_n(six.image(i), 20, static_cast<float>(i) / 5);

  const TempFolder folder;
  Board bench(folder, "images = 2\nimages_every = 2");
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch)
    for (std::uint64_t index = 0; index < 2; ++index)
      bench.process(Fed{PairBatch{six, {0, 1, 0}, 0}}, {epoch, index, 2 * epoch + index});
  bench.close();
  const auto pairs = pictures(folder);
  REQUIRE(pairs.size() == 4);  // two pairs of two epochs
  for (std::size_t i = 0; i < 4; ++i) {
    const auto& [step, tag, png] = pairs[i];
    const std::size_t pair = i % 2;
    CHECK(step == (i < 2 ? 0 : 4));
    CHECK(tag == fmt::format("board/{}", pair));
    CHECK(png.width == 2 * frame + 2 * 5 + gap);
    CHECK(png.height == 2 * frame + 4);
    CHECK(png.at(0, 0) == frame_colour(pair == 0 ? Tile::Kind::same : Tile::Kind::different));
    const auto left = static_cast<std::uint8_t>(51 * pair),
               right = static_cast<std::uint8_t>(51 * (3 + pair));
    CHECK(png.at(frame, frame) == Colour{left, left, left});
    CHECK(png.at(frame + 3, frame + 4) == Colour{left, left, left});
    CHECK(png.at(frame, frame + 5 + gap) == Colour{right, right, right});
  }

  const TempFolder classes;  // values outside of [0, 1] are stretched, over all that is shown
  Board images(classes);
  for (float& value : six.pixels) value *= 10;
  images.process(Fed{ImageBatch{six, {7, 8, 7, 7, 8, 9}}});
  images.close();
  const auto shown = pictures(classes);
  REQUIRE(shown.size() == 3);
  const Png& seven = std::get<2>(shown[0]);
  CHECK(seven.width == 2 * frame + 3 * 5 + 2 * gap);
  CHECK(seven.at(frame, frame + 5 + gap) == Colour{102, 102, 102});  // 4 of 10
  CHECK(std::get<2>(shown[2]).at(frame, frame) == Colour{255, 255, 255});

  const TempFolder none;
  Board off(none, "images = 0");
  off.process(Fed{ImageBatch{six, {7, 8, 7, 7, 8, 9}}});
  off.close();
  CHECK(files_in(none.path).empty());
}

TEST_CASE("monitor.tensorboard: images that cannot be shown are refused, by the check where it knows") {
  const TempFolder folder;
  Board bench(folder);
  for (int i = 0; i < 2; ++i) bench.process(Fed{ImageBatch{Images(1, 2, 4, 4), {0}}});
  CHECK(bench.said ==
        std::vector<std::string>{"board: only images of 1 or 3 channels can be shown, these have 2"});
  const std::vector<FedInput> fed{{"in", typeid(ImageBatch), ImageShape{2, 4, 4}}};
  std::string problem;
  try {
    Board(folder, "", "board", fed);
  } catch (const Error& error) {
    problem = error.what();
  }
  CHECK(problem.find("only images of 1 or 3 channels can be shown, these are 2x4x4") != std::string::npos);
  CHECK_NOTHROW(Board(folder, "images = 0", "board", fed));
  CHECK_NOTHROW(Board(folder, "", "board", {{"in", typeid(Metrics), ImageShape{2, 4, 4}}}));
}

TEST_CASE("monitor.tensorboard: several runs may write into one folder") {
  const TempFolder folder;
  const std::string toml = fmt::format("folder = \"{}\"", (folder.path / "a/logs").string());
  Board one(folder, toml), two(folder, toml, "other");
  for (Board* bench : {&one, &two, &one}) {
    bench->hear("twin", {0, 3, 3}, {{"loss", bench == &one ? 1 : 2}});
    bench->finish_epoch({0, 3, 3});
  }
  const auto files = files_in(folder.path / "a/logs");
  REQUIRE(files.size() == 2);
  std::vector<std::vector<Scalar>> all;
  for (const auto& file : files) all.push_back(scalars_of(parse(read_file(file))));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  CHECK(all ==
        std::vector<std::vector<Scalar>>{{{3, "twin/loss", 1}, {3, "twin/loss", 1}}, {{3, "twin/loss", 2}}});
}

TEST_CASE("monitor.tensorboard: a file cut anywhere is whole up to there") {
  const TempFolder folder;
  Board bench(folder);
  for (std::uint64_t step = 0; step < 5; ++step) bench.hear("twin", {0, step, step}, {{"loss", 1}});
  bench.close();
  const std::string bytes = read_file(files_in(folder.path / "board")[0]);
  CHECK(parse(bytes).size() == 6);
  std::size_t before = 0;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::size_t found = parse(bytes.substr(0, cut)).size();
    CHECK((found == before || found == before + 1));
    before = found;
  }
  CHECK(before == 6);
}

TEST_CASE("monitor.tensorboard: a folder that cannot be written ends nothing") {
  const TempFolder folder;
  folder.write("board", "a file is in the way");
  Board bench(folder);
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    bench.hear("twin", {epoch, 0, epoch}, {{"loss", 1}});
    bench.finish_epoch({epoch, 0, epoch});
    bench.save();
  }
  REQUIRE(bench.said.size() == 1);
  CHECK(bench.said[0].find((folder.path / "board").string()) != std::string::npos);
  CHECK(bench.said[0].ends_with("; events for TensorBoard are kept and tried again later"));
  bench.close();
  CHECK(bench.said.back() == "3 events for TensorBoard could not be written");

  std::filesystem::remove(folder.path / "board");  // what waited is not lost
  bench.finish_epoch({3, 0, 3});
  CHECK(scalars_of(events_in(folder.path / "board")).size() == 3);
}

TEST_CASE("monitor.tensorboard: what waits for the disk is bounded") {
  const TempFolder folder;
  folder.write("board", "a file is in the way");
  Board bench(folder);
  Numbers many;
  for (int i = 0; i < 1000; ++i) many[std::string(1000, 'a') + std::to_string(i)] = i;
  for (std::uint64_t step = 0; step < 20; ++step) bench.hear("twin", {0, step, step}, many);
  std::filesystem::remove(folder.path / "board");
  bench.close();
  const std::size_t kept = events_in(folder.path / "board").size() - 1;
  CHECK(kept == 16);  // of a little over 1 MB each in 16 MiB
  CHECK(bench.said.back() == "4 events for TensorBoard could not be written");
}

TEST_CASE("monitor.tensorboard: a resumed run says from where on its file holds") {
  const TempFolder folder;
  Board before(folder, "every = 3\nhistograms = 3"), after(folder, "every = 3\nhistograms = 3");
  const auto play = [](Board& bench, std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t step = from; step < to; ++step) {
      bench.hear("twin", {0, step, step}, {{"loss", 1.0 / static_cast<double>(step + 1)}});
      bench.evaluated(step, {static_cast<float>(step)});
    }
  };
  play(before, 0, 7);
  const State state = before.save();
  play(before, 7, 12);
  before.finish_epoch({0, 11, 11});                 // then it is killed
  after.hear("one_shot", {}, {{"accuracy", 0.5}});  // as nodes are opened again: the other file has it
  after.restore(state);
  play(after, 7, 15);
  after.close();

  const auto files = files_in(folder.path / "board");
  REQUIRE(files.size() == 2);
  const std::vector<Event> first = parse(read_file(files[0])), second = parse(read_file(files[1]));
  CHECK(second.at(0).file_version() == "brain.Event:2");
  CHECK(second.at(1).session_log().status() == events::SessionLog::START);
  CHECK(second.at(1).step() == 7);
  // As TensorBoard reads them: from that step on, the second.
  std::vector<std::pair<std::int64_t, bool>> seen, expected;
  for (const auto* file : {&first, &second})
    for (const Event& event : *file)
      if (event.has_summary() && (file == &second || event.step() < second[1].step()))
        seen.emplace_back(event.step(), event.summary().value(0).has_histo());
  for (std::int64_t step = 0; step < 15; step += 3)
    expected.insert(expected.end(), {{step, false}, {step, true}});
  CHECK(seen == expected);

  Board again(folder, "every = 3\nhistograms = 3");  // within the same second
  again.restore(after.save());
  play(again, 15, 16);
  again.close();
  CHECK(parse(read_file(files_in(folder.path / "board").at(2))).at(1).step() == 15);
}
