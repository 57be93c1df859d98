#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <opencv2/core.hpp>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "event_records.h"
#include "log_file.h"
#include "tiles.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"

namespace twinflow::monitor {
namespace {

constexpr std::size_t room = 16 << 20, model_room = 256 << 20;  // bytes that may wait for the disk

events::Summary::Value& add_value(events::Event& event, const std::string& tag) {
  events::Summary::Value& value = *event.mutable_summary()->add_value();
  value.set_tag(shown(tag));  // protobuf takes UTF-8 only
  return value;
}

std::size_t bytes_of(const NamedTensors& model) {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : model.tensors) bytes += tensor.values.size() * sizeof(float);
  return bytes;
}

}  // namespace

/// Writes event files for TensorBoard. A run, and each that resumes it, writes a file of its own; that of a
/// resumed run begins by saying from which step on the others no longer hold.
class TensorBoard final : public Sink<Inputs<std::optional<std::variant<Metrics, ImageBatch, PairBatch>>>>,
                          public Listener {
 public:
  static constexpr bool takes_unread = true;  // nothing is read that is not shown

  static void describe(NodeSpec<TensorBoard>& spec);
  void check(const Checking& checking) const;
  void open() override;
  void process(Inputs<std::optional<std::variant<Metrics, ImageBatch, PairBatch>>> input,
               const Item& item) override;
  void hear(std::string_view node, const Item& item, const Numbers& values) override;
  void finish_epoch(const Item& last) override;
  State save() const override;
  void restore(const State& state) override;
  void close() override;

 private:
  std::shared_ptr<LogFile> begin(bool resumed);
  LogFile::Place make_file() const;
  std::vector<std::string> written(const std::string& node) const;
  void passed(const Item& item) { next_step_ = std::max(next_step_, item.step + 1); }
  void show_weights(const Metrics& metrics, const Item& item);
  void show(AnyBatch batch, const Item& item);

  std::size_t every = 1, histograms = 1, images = 8, images_every = 1;
  std::filesystem::path folder;

  std::mutex mutex_;  // reports may come while something is shown: guards the next two
  std::uint64_t next_step_ = 0;
  std::map<std::string, std::uint64_t, std::less<>> written_;  // node, and the step of what was kept last
  std::uint64_t evaluations_ = 0, skipped_ = 0;                // of which, without histograms
  bool open_ = false, refused_ = false;                        // images that cannot be shown, and told
  std::int64_t seconds_ = 0;                                   // when the file was begun, since 1970

  std::shared_ptr<LogFile> log_ = begin(false);
  std::atomic<std::size_t> models_{0};  // bytes of models whose histograms are not made yet
};

void TensorBoard::describe(NodeSpec<TensorBoard>& spec) {
  spec.first_rank_only();
  spec.summary(
      "Writes event files for TensorBoard: every number that any node reports and, of what it is fed with, "
      "the weights' histograms or images.");
  spec.example(R"([node.board]
type = "monitor.tensorboard"
from = "one_shot.metrics")");
  spec.input("in").doc(
      "metrics, for histograms of the weights that were measured; batches, for images of them; or nothing");
  spec.param("folder", &TensorBoard::folder)
      .doc(
          "where the files go; empty: a folder of the node's name in the run directory. Runs that write into "
          "one folder leave each other's files alone, but TensorBoard shows a folder as one run and follows "
          "only its newest file: give each run a sub-folder of its own");
  spec.param("every", &TensorBoard::every)
      .min(1)
      .unit("steps")
      .doc("a node's numbers are written once in so many steps");
  spec.param("histograms", &TensorBoard::histograms)
      .unit("evaluations")
      .doc("histograms of the weights once in so many evaluations; 0: none");
  spec.param("images", &TensorBoard::images)
      .doc("of a batch, at most so many pairs or images, the images of a class side by side; 0: none");
  spec.param("images_every", &TensorBoard::images_every)
      .min(1)
      .unit("epochs")
      .doc("once in so many epochs, images of the first batch");
  spec.check(&TensorBoard::check);
  spec.writes(&TensorBoard::written);
}

void TensorBoard::check(const Checking& checking) const {
  const auto shape = checking.image_shape("in");
  const bool batches = checking.fed_with<ImageBatch>("in") || checking.fed_with<PairBatch>("in");
  if (batches && images > 0 && shape && !can_be_shown(shape->channels))
    checking.error("images",
                   fmt::format("only images of 1 or 3 channels can be shown, these are {}", shape->text()));
}

void TensorBoard::open() {
  cv::setNumThreads(0);  // the arena owns the cores
  open_ = true;
}

std::shared_ptr<LogFile> TensorBoard::begin(bool resumed) {
  // By their names, TensorBoard reads the file of a resumed run after that of the run.
  seconds_ = std::max<std::int64_t>(std::time(nullptr), seconds_ + 1);
  events::Event version = event_at(0);
  version.set_file_version("brain.Event:2");
  std::string head = record(version);
  if (resumed) {
    events::Event start = event_at(next_step_);
    start.mutable_session_log()->set_status(events::SessionLog::START);
    head += record(start);
  }
  return std::make_shared<LogFile>(
      LogFile::Setup{"events for TensorBoard", head, [this] { return make_file(); }, room});
}

/// A file of this process and machine alone.
LogFile::Place TensorBoard::make_file() const {
  if (!folder.empty()) std::filesystem::create_directories(folder);
  const Folder where = folder.empty() ? run().folder().inside(name()) : Folder(folder);
  char host[256] = "unknown";
  gethostname(host, sizeof host - 1);
  for (int number = 0;; ++number) {
    std::string file = fmt::format("events.out.tfevents.{:010}.{}.{}.{}", seconds_, host, getpid(), number);
    if (where.create(file)) return {where, std::move(file)};
  }
}

std::vector<std::string> TensorBoard::written(const std::string& node) const {
  return folder.empty() ? std::vector{node} : std::vector<std::string>();
}

void TensorBoard::hear(std::string_view node, const Item& item, const Numbers& values) {
  const std::lock_guard lock(mutex_);
  passed(item);
  const auto [found, first] = written_.try_emplace(std::string(node), item.step);
  std::uint64_t& written = found->second;
  if (!first && item.step != written && item.step < written + every) return;
  written = item.step;
  events::Event event = event_at(item.step);
  for (const auto& [metric, value] : values)
    add_value(event, fmt::format("{}/{}", node, metric)).set_simple_value(static_cast<float>(value));
  log_->add(record(event));
  if (open_ && !run().directory().empty() && log_->due()) log_->write(run());
}

void TensorBoard::process(Inputs<std::optional<std::variant<Metrics, ImageBatch, PairBatch>>> input,
                          const Item& item) {
  {
    const std::lock_guard lock(mutex_);
    passed(item);
  }
  auto& fed = *std::get<0>(input);  // an item without it does not come
  if (const auto* metrics = std::get_if<Metrics>(&fed)) return show_weights(*metrics, item);
  if (item.index != 0 || item.epoch % images_every != 0 || images == 0) return;
  if (auto* pairs = std::get_if<PairBatch>(&fed)) return show(std::move(*pairs), item);
  show(std::move(std::get<ImageBatch>(fed)), item);
}

void TensorBoard::show_weights(const Metrics& metrics, const Item& item) {
  if (histograms == 0 || evaluations_++ % histograms != 0 || !metrics.model) return;
  const std::size_t bytes = bytes_of(*metrics.model);
  if (models_ > 0 && models_ + bytes > model_room) return void(++skipped_);
  models_ += bytes;
  run().later(
      "histograms",
      [this, log = log_, model = metrics.model, event = event_at(item.step), bytes]() mutable {
        for (const auto& [name, tensor] : model->tensors) {
          events::HistogramProto histogram = histogram_of(tensor.values);
          if (histogram.num() == 0) continue;
          event.clear_summary();
          *add_value(event, "weights/" + name).mutable_histo() = std::move(histogram);
          log->add(record(event));
        }
        models_ -= bytes;
      },
      Run::Retry::no);
  log_->write(run());
}

void TensorBoard::show(AnyBatch batch, const Item& item) {
  Images& shown = images_of(batch);
  if (!can_be_shown(shown.channels)) {
    if (!std::exchange(refused_, true))
      run().say(fmt::format("{}: only images of 1 or 3 channels can be shown, these have {}", name(),
                            shown.channels));
    return;
  }
  shown.read();
  std::vector<Tile> tiles;
  std::visit([&](const auto& kind) { add_tiles(kind, images, tiles); }, batch);
  const Shades shades = shades_of(tiles);
  events::Event event = event_at(item.step);
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const Sheet sheet = draw_tile(tiles[i], shades);
    events::Summary::Image& image = *add_value(event, fmt::format("{}/{}", name(), i)).mutable_image();
    image.set_height(static_cast<int>(sheet.height));
    image.set_width(static_cast<int>(sheet.width));
    image.set_colorspace(3);
    image.set_encoded_image_string(png_of(sheet));
  }
  log_->add(record(event));
}

void TensorBoard::finish_epoch(const Item& last) {
  passed(last);
  log_->write(run());
}

State TensorBoard::save() const {
  log_->write(run(), true);
  State state;
  state.values["next_step"] = static_cast<std::int64_t>(next_step_);
  state.values["evaluations"] = static_cast<std::int64_t>(evaluations_);
  state.values["seconds"] = seconds_;
  for (const auto& [node, step] : written_) state.values["written/" + node] = static_cast<std::int64_t>(step);
  return state;
}

void TensorBoard::restore(const State& state) {
  next_step_ = static_cast<std::uint64_t>(state.value<std::int64_t>("next_step"));
  evaluations_ = static_cast<std::uint64_t>(state.value<std::int64_t>("evaluations"));
  seconds_ = state.value<std::int64_t>("seconds");
  written_.clear();
  for (const auto& [key, value] : state.values)
    if (key.starts_with("written/"))
      written_[key.substr(8)] = static_cast<std::uint64_t>(state.value<std::int64_t>(key));
  log_ = begin(true);  // without what was reported as nodes were opened: that is in the other file
}

void TensorBoard::close() {
  if (run().directory().empty()) return;  // the run has not begun
  log_->close(run());
  if (skipped_ > 0)
    run().say(fmt::format("{}: {} evaluations are without histograms, because the disk was too slow", name(),
                          skipped_));
}

TWINFLOW_NODE("monitor.tensorboard", TensorBoard)

}  // namespace twinflow::monitor
