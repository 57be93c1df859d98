#include <fmt/format.h>

#include <boost/crc.hpp>
#include <filesystem>
#include <system_error>

#include "model_file.h"
#include "twinflow/error.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"
#include "twinflow/start_files.h"

namespace twinflow::twin {
namespace {

/// A source: every item is the model. So it meets batches where each needs it (twin.embed: joined by item),
/// and alone, in a graph of one item, it is measured once (twin.evaluate), through the same inputs that
/// twin.train's models take.
class Load final : public Source<Model>, public CountsMemory {
 public:
  static void describe(NodeSpec<Load>& spec) {
    spec.summary("Reads a model that a run has kept: its file alone rebuilds the network.");
    spec.example(R"([node.load]
type = "twin.load"
file = "data/best.safetensors"

[node.one_shot]
type = "twin.evaluate"
from = { model = "load", data = "glyphs.test" }
ways = 5)");
    spec.output("model").doc(
        "the model, again for every item: it goes with each batch, or is measured once where [run] says "
        "epochs = 1 and steps_per_epoch = 1");
    reads_at_start("twin.load", "file");
    spec.param("file", &Load::file).doc("a .safetensors file, as monitor.checkpoint writes it").required();
    spec.param("precision", &Load::precision)
        .names({{"saved", Use::saved}, {"f32", Use::f32}, {"bf16", Use::bf16}, {"auto", Use::automatic}})
        .doc(
            "type of activations; saved: as in training, or f32 where the processor has no bf16; auto: bf16 "
            "where it has it");
  }

  void count_memory(MemoryNeed& need) override {
    std::error_code none;  // open() says what is wrong with it
    const std::uintmax_t size = std::filesystem::file_size(file, none);
    if (none) return;
    const double bytes = static_cast<double>(size);
    need.hold("the model", bytes, "a smaller network");
    need.gives_model = {bytes, 2 * bytes, 0};  // weights, and these as the processor reads them
  }

  void open() override {
    model_ = read_model(file);
    run().say(fmt::format("{}: {}: {}", name(), file.string(), model_text(model_)));
    if (precision != Use::saved) {
      model_.precision = resolve(precision == Use::f32    ? Precision::f32
                                 : precision == Use::bf16 ? Precision::bf16
                                                          : Precision::automatic);
    } else if (model_.precision == Precision::bf16 && resolve(Precision::automatic) == Precision::f32) {
      model_.precision = Precision::f32;
      run().say(fmt::format(
          "{}: the model was trained in bf16, which this processor does not have: it is used in f32",
          name()));
    }
  }
  Model make(const Item&) const override { return model_; }
  State save() const override {
    State state;
    state.values["checksum"] = checksum();
    return state;
  }
  void restore(const State& state) override {
    if (state.value<std::int64_t>("checksum") != checksum())
      throw Error(fmt::format("'{}' is another model than the one that the run began with", file.string()));
  }

 private:
  std::int64_t checksum() const {
    boost::crc_32_type crc;
    for (const auto& [name, tensor] : model_.weights->tensors) {
      crc.process_bytes(name.data(), name.size());
      crc.process_bytes(tensor.values.data(), tensor.values.size() * sizeof(float));
    }
    return crc.checksum();
  }

  enum class Use { saved, f32, bf16, automatic };

  std::filesystem::path file;
  Use precision = Use::saved;
  Model model_;
};

}  // namespace

TWINFLOW_NODE("twin.load", Load)

}  // namespace twinflow::twin
