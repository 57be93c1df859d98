#include <fmt/format.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "finite.h"
#include "growing_file.h"
#include "npy.h"
#include "twinflow/dataset.h"
#include "twinflow/error.h"
#include "twinflow/images.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"
#include "twinflow/twin/model.h"

namespace twinflow::twin {
namespace {

/// Writes embeddings as they come, so that memory does not grow with the data set: NAME.npy and, with a line
/// for each of its rows, NAME.csv. They have these names when an epoch has ended; an epoch begins them anew.
class Embed final : public Sink<Inputs<ImageBatch, Model>>, public CountsMemory {
 public:
  static constexpr bool takes_unread = true;  // while unread, images know their place in the data set

  static void describe(NodeSpec<Embed>& spec) {
    spec.first_rank_only();
    spec.summary("Writes what a model makes of every image: NAME.npy, with an index NAME.csv.");
    spec.example(R"([node.load]
type = "twin.load"
file = "data/best.safetensors"

[node.all]
type = "sample.all"
from = "glyphs.test"
batch = 32

[node.embeddings]
type = "twin.embed"
from = { batch = "all", model = "load", data = "glyphs.test" })");
    spec.input("batch").doc("the images, as sample.all gives them out");
    spec.input("model").doc("what to embed them with, from twin.load");
    spec.input("data", &Embed::data).doc("the data set they are of: it knows their classes");
    spec.writes({"NAME.npy", "NAME.csv"});
  }

  void count_memory(MemoryNeed& need) override {
    need.hold("a network that embeds images", need.model.in_use, "a smaller network");
  }
  void open() override {
    of_class_.assign(data->store->count(), unknown);
    for (std::size_t c = 0; c < data->classes.size(); ++c)
      for (const std::size_t image : data->classes[c].images) of_class_[image] = c;
  }

  void process(Inputs<ImageBatch, Model> input, const Item&) override {
    go_on();
    auto& [batch, model] = input;
    std::vector<Shot> shots;
    if (batch.images.unread()) {
      if (batch.images.store != data->store)
        throw Error(
            fmt::format("the batches are not of '{}', the data set given as \"data\"", data->description));
      shots = batch.images.shots;
    }
    batch.images.read();
    const Embeddings made = model.embed(batch.images);
    for (std::size_t i = 0; i < made.count; ++i)
      if (!all_finite({made.row(i), made.size}))
        throw Error(fmt::format("the embedding of row {} holds what is not a finite number", rows_ + i));
    if (!numbers_.open()) {
      size_ = made.size;
      numbers_.begin(run().folder(), name() + ".npy");
      numbers_.append(npy_header(0, size_));
      index_.begin(run().folder(), name() + ".csv");
      index_.append("row,class,group,image,drawer\n");
    }
    if (made.size != size_)
      throw Error(
          fmt::format("the rows of one file have {} numbers, but this model gives {}", size_, made.size));
    numbers_.append({reinterpret_cast<const char*>(made.values.data()), made.values.size() * sizeof(float)});
    std::string lines;
    for (std::size_t i = 0; i < made.count; ++i)
      lines += line(rows_ + i, batch.classes[i], shots.empty() ? nullptr : &shots[i]);
    index_.append(lines);
    rows_ += made.count;
  }

  void finish_epoch(const Item&) override {
    go_on();
    if (!numbers_.open()) return;
    numbers_.overwrite_head(npy_header(rows_, size_));
    numbers_.finish();
    index_.finish();
    run().say(fmt::format("{}: {} embeddings of {} numbers: {}, {}", name(), rows_, size_,
                          path(".npy").string(), path(".csv").filename().string()));
    rows_ = 0;
  }

  State save() const override {
    State state;
    if (numbers_.open()) {
      numbers_.save();
      index_.save();
    }
    const auto keep = [&](const char* key, std::uint64_t value) {
      state.values[key] = static_cast<std::int64_t>(value);
    };
    keep("rows", rows_);
    keep("size", size_);
    keep("npy", numbers_.open() ? numbers_.size() : saved_numbers_);
    keep("csv", index_.open() ? index_.size() : saved_index_);
    return state;
  }
  void restore(const State& state) override {
    const auto kept = [&](const char* key) {
      return static_cast<std::uint64_t>(state.value<std::int64_t>(key));
    };
    rows_ = kept("rows");
    size_ = kept("size");
    saved_numbers_ = kept("npy");
    saved_index_ = kept("csv");
  }
  void close() override {
    if (!numbers_.open()) return;
    numbers_.close();
    index_.close();
  }

 private:
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();

  std::filesystem::path path(const char* ending) const { return run().folder().path_of(name() + ending); }

  /// With the files of the resumed run: not before all nodes are restored.
  void go_on() {
    const std::uint64_t numbers = std::exchange(saved_numbers_, 0), index = std::exchange(saved_index_, 0);
    if (numbers == 0) return;
    if (numbers_.resume(run().folder(), name() + ".npy", numbers) &&
        index_.resume(run().folder(), name() + ".csv", index))
      return;
    numbers_.close();
    index_.close();
    run().say(
        fmt::format("{}: the first {} embeddings of this epoch are not in the run directory any more: "
                    "{} begins anew, without them",
                    name(), rows_, path(".npy").string()));
    rows_ = 0;
  }

  /// `shot`: where the image lies in the data set; nullptr when some node has changed it, and it no longer
  /// knows.
  std::string line(std::size_t row, std::int32_t given_class, const Shot* shot) const {
    const std::size_t c = shot ? of_class_.at(shot->image) : static_cast<std::size_t>(given_class);
    if (c >= data->classes.size())
      throw Error(fmt::format("row {} is of no class of '{}', the data set given as \"data\"", row,
                              data->description));
    const Dataset::Class& of = data->classes[c];
    return fmt::format("{},{},{},{},{}\n", row, csv_field(of.name),
                       csv_field(of.group < data->groups.size() ? data->groups[of.group] : ""),
                       shot ? std::to_string(shot->image) : "",
                       shot && !data->drawers.empty() ? std::to_string(data->drawers[shot->image]) : "");
  }

  std::shared_ptr<const Dataset> data;

  std::vector<std::size_t> of_class_;  // by image of the store
  mutable GrowingFile numbers_, index_;
  std::uint64_t rows_ = 0, size_ = 0;
  std::uint64_t saved_numbers_ = 0, saved_index_ = 0;  // bytes of the files that are to be gone on with
};

}  // namespace

TWINFLOW_NODE("twin.embed", Embed)

}  // namespace twinflow::twin
