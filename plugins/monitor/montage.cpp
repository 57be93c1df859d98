#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tiles.h"
#include "twinflow/answers.h"
#include "twinflow/folder.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace twinflow::monitor {

using Shown = std::variant<ImageBatch, PairBatch, WrongAnswers>;

/// Keeps what it shows of the first batches, then writes it into the run directory as one picture: as soon as
/// they are there, at the first epoch's end, or when the run ends before. Of wrong answers it draws a picture
/// whenever they come, over the one before: the run's writing thread does.
class Montage final : public Sink<Shown> {
 public:
  static constexpr bool takes_unread = true;  // nothing is read that is not shown

  static void describe(NodeSpec<Montage>& spec);
  void check(const Checking& checking) const;
  void open() override { cv::setNumThreads(0); }  // the arena owns the cores
  void process(Shown shown, const Item& item) override;
  void finish_epoch(const Item&) override;
  State save() const override;
  void restore(const State& state) override;
  void close() override;

 private:
  void add(AnyBatch batch);
  void draw(const WrongAnswers& wrong);
  static std::string words_for(const WrongAnswers& wrong);
  void write();  // unless it was given to be written, or there is nothing

  /// A picture, until it is written.
  struct Sheet {
    std::string title;
    std::function<std::string()> draw;  // gives the PNG file
    bool say_at_once = false;           // where it is; otherwise at the end
    std::atomic<bool> written{false};
  };
  void put(std::string title, bool say_at_once, std::function<std::string()> draw);
  void try_to_write();
  std::string said(const Sheet& sheet) const { return fmt::format("{}: {}", sheet.title, path().string()); }
  std::string file_of(const std::string& node) const { return file.empty() ? node + ".png" : file; }
  std::vector<std::string> written(const std::string& node) const { return {file_of(node)}; }
  std::filesystem::path path() const { return run().folder().path_of(file_of(name())); }

  std::size_t items = 1, most = 96, columns = 0, scale = 0;
  std::string file;

  std::vector<Tile> tiles_;
  std::size_t batches_ = 0, shown_ = 0, all_ = 0;  // what they show, and of how many pairs or images
  bool written_ = false;                           // or given to be
  std::string wrong_;                              // what the last sheet of wrong answers says
  std::shared_ptr<Sheet> sheet_;                   // the last one of this process,
  std::shared_future<bool> drawing_;               // and the last attempt to write it
  bool told_ = false;                              // that one failed; of the writing thread
};

void Montage::describe(NodeSpec<Montage>& spec) {
  spec.first_rank_only();
  spec.summary(
      "Draws a contact sheet: of the first batches, what the network sees, or of an evaluation, what it got "
      "wrong.");
  spec.example(R"([node.preview]
type = "monitor.montage"
from = "augmented")");
  spec.input("in").doc(
      "what to show: of batches, pairs side by side or the images of a class side by side; or wrong answers, "
      "each a query beside the right class's support and that of the class answered, anew for each "
      "evaluation");
  spec.param("items", &Montage::items).min(1).doc("how many batches");
  spec.param("most", &Montage::most)
      .min(1)
      .doc("of a batch, at most so many pairs or images; of wrong answers, so many that are most wrong");
  spec.param("columns", &Montage::columns)
      .range(0, 1000)
      .doc("pairs, classes or answers beside each other; 0: as many as fit into 1200 pixels");
  spec.param("scale", &Montage::scale)
      .range(0, 64)
      .doc("how many times images are magnified; 0: as it fits into 1200 x 1200 pixels");
  spec.param("file", &Montage::file).doc("its name in the run directory; empty: the node's name and .png");
  spec.check(&Montage::check);
  spec.writes(&Montage::written);
}

void Montage::check(const Checking& checking) const {
  if (file.find('/') != file.npos)
    checking.error("file", "a name is needed, not a path: the sheet is written into the run directory");
  else if (!file.empty() && !file.ends_with(".png"))
    checking.error("file", "the sheet is a PNG image: a name is needed that ends in .png");
  if (items > 1 && checking.fed_with<WrongAnswers>("in"))
    checking.error("items", "it counts batches: wrong answers are drawn for each evaluation");
}

void Montage::process(Shown shown, const Item&) {
  if (const auto* wrong = std::get_if<WrongAnswers>(&shown)) return draw(*wrong);
  if (auto* pairs = std::get_if<PairBatch>(&shown)) return add(std::move(*pairs));
  add(std::move(std::get<ImageBatch>(shown)));
}

void Montage::add(AnyBatch batch) {
  if (written_) return;
  Images& images = images_of(batch);
  if (!can_be_shown(images.channels))
    throw Error(fmt::format("only images of 1 or 3 channels can be shown, these have {}", images.channels));
  images.read();
  const auto* pairs = std::get_if<PairBatch>(&batch);
  const std::size_t count = pairs ? pairs->pairs() : images.count;
  all_ += count;
  shown_ += std::min(most, count);
  std::visit([&](const auto& kind) { add_tiles(kind, most, tiles_); }, batch);
  if (++batches_ >= items) write();
}

std::string Montage::words_for(const WrongAnswers& wrong) {
  if (wrong.collapsed) return "the model has collapsed: it tells no image from another";
  if (wrong.wrong == 0 && wrong.tied == 0) return fmt::format("all {} answers right", wrong.trials);
  std::string words = fmt::format("{} of {} answers wrong", wrong.wrong, wrong.trials);
  if (wrong.tied > 0) words += fmt::format(", {} tied", wrong.tied);
  return words;
}

void Montage::draw(const WrongAnswers& wrong) {
  const std::size_t count = wrong.answers.size();
  if (count > 0 && !can_be_shown(wrong.store->channels))
    throw Error(
        fmt::format("only images of 1 or 3 channels can be shown, these have {}", wrong.store->channels));
  wrong_ = fmt::format("{}: {} after epoch {} (step {}): ", name(), wrong.node, wrong.epoch + 1, wrong.step);
  wrong_ += words_for(wrong);
  if (const std::size_t shown = std::min(most, count); shown < wrong.wrong && count > 0)
    wrong_ +=
        shown == 1 ? ", here is the most wrong one" : fmt::format(", here are the {} most wrong", shown);
  if (!wrong.protocol.empty()) wrong_ += "; " + wrong.protocol;
  if (count > 0)
    wrong_ += fmt::format("; {} x {} pixels, the numbers are distances from the query", wrong.store->height,
                          wrong.store->width);
  put(wrong_, false, [this, wrong, title = wrong_] {
    const std::vector<Tile> tiles = tiles_of(wrong, most);
    return png_of(draw_sheet(title, tiles, shades_of(tiles), columns, scale, 3));
  });
}

void Montage::put(std::string title, bool say_at_once, std::function<std::string()> draw) {
  sheet_ = std::make_shared<Sheet>();
  sheet_->title = std::move(title);
  sheet_->draw = std::move(draw);
  sheet_->say_at_once = say_at_once;
  try_to_write();
}

/// A picture only shows: where it cannot be written, that is reported once, and tried again.
void Montage::try_to_write() {
  drawing_ = run().later(
      file_of(name()),
      [this, sheet = sheet_] {
        try {
          run().folder().write_atomically(file_of(name()), sheet->draw());
        } catch (const FolderClosed&) {
          throw;
        } catch (const std::exception& error) {
          if (!std::exchange(told_, true))
            run().say(fmt::format("{}: {}; it is tried again later", name(), error.what()));
          return;
        }
        sheet->written = true;
        if (sheet->say_at_once) run().say(said(*sheet));
      },
      Run::Retry::no);
}

void Montage::finish_epoch(const Item&) {
  write();
  if (sheet_ && !sheet_->written && drawing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    try_to_write();
}

void Montage::write() {
  if (written_ || tiles_.empty()) return;
  const Shades shades = shades_of(tiles_);
  std::string title = fmt::format("{}: {}", name(), shown_);
  if (shown_ < all_) title += fmt::format(" of {}", all_);
  title += tiles_[0].kind == Tile::Kind::one_class ? " image" : " pair";
  if (shown_ != 1 || all_ != 1) title += "s";
  if (batches_ > 1) title += fmt::format(" in {} batches", batches_);
  title += fmt::format(", {} x {} pixels", tiles_[0].size(2), tiles_[0].size(3));
  if (shades.stretched)
    title += fmt::format(", black is {:.4g}, white is {:.4g}", shades.black, shades.white);
  if (shades.not_finite > 0) title += fmt::format(", {} values are not finite: magenta", shades.not_finite);

  put(title, true, [this, title, shades, tiles = std::move(tiles_)] {
    return png_of(draw_sheet(title, tiles, shades, columns, scale));
  });
  written_ = true;
  tiles_.clear();
}

void Montage::close() {
  write();
  if (drawing_.valid()) drawing_.wait();
  if (sheet_ && !sheet_->written) {
    try_to_write();
    if (drawing_.get() && !sheet_->written)
      run().say(fmt::format("{}: '{}' could not be written", name(), file_of(name())));
  } else if (!wrong_.empty()) {
    run().say(sheet_ ? said(*sheet_) : fmt::format("{}: {}", wrong_, path().string()));
  }
}

State Montage::save() const {
  State state;
  state.values["written"] = written_;
  state.values["batches"] = static_cast<std::int64_t>(batches_);
  state.values["shown"] = static_cast<std::int64_t>(shown_);
  state.values["all"] = static_cast<std::int64_t>(all_);
  state.values["wrong"] = wrong_;
  for (std::size_t i = 0; i < tiles_.size(); ++i) {
    state.tensors[fmt::format("tile.{}", i)] = tiles_[i].pictures;
    state.values[fmt::format("tile.{}.label", i)] = tiles_[i].label;
    state.values[fmt::format("tile.{}.kind", i)] = static_cast<std::int64_t>(tiles_[i].kind);
  }
  return state;
}

void Montage::restore(const State& state) {
  const auto count = [&](const std::string& name) {
    return static_cast<std::size_t>(state.value<std::int64_t>(name));
  };
  written_ = state.value<bool>("written");
  batches_ = count("batches");
  shown_ = count("shown");
  all_ = count("all");
  wrong_ = state.value<std::string>("wrong");
  tiles_.resize(state.tensors.size());
  for (std::size_t i = 0; i < tiles_.size(); ++i)
    tiles_[i] = {state.value<std::string>(fmt::format("tile.{}.label", i)),
                 static_cast<Tile::Kind>(count(fmt::format("tile.{}.kind", i))),
                 state.tensor(fmt::format("tile.{}", i))};
  if (!written_ || run().folder().exists(file_of(name()))) return;
  run().say(fmt::format("{}: '{}' is missing: it is drawn anew", name(), path().string()));
  written_ = false;
  batches_ = shown_ = all_ = 0;
}

TWINFLOW_NODE("monitor.montage", Montage)

}  // namespace twinflow::monitor
