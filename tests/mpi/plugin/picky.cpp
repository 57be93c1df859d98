// A node that refuses its newest state, on the first rank alone: the others cannot know.
#include <cstdlib>

#include "twinflow/images.h"
#include "twinflow/plugin.h"

namespace {

class Picky final : public twinflow::Sink<twinflow::ImageBatch> {
 public:
  static void describe(twinflow::NodeSpec<Picky>& spec) {
    spec.summary("Counts items, and refuses a state with PICKY_REFUSES of them or more.");
    spec.first_rank_only();
  }
  void process(twinflow::ImageBatch, const twinflow::Item&) override { ++items_; }
  twinflow::State save() const override {
    twinflow::State state;
    state.values["items"] = items_;
    return state;
  }
  void restore(const twinflow::State& state) override {
    const char* const least = std::getenv("PICKY_REFUSES");
    items_ = state.value<std::int64_t>("items");
    if (least && items_ >= std::atoi(least)) throw twinflow::Error("these are too many");
  }

 private:
  std::int64_t items_ = 0;
};

}  // namespace

TWINFLOW_NODE("test.picky", Picky)
TWINFLOW_PLUGIN("picky", "1.0.0", "TwinFlow", "A node that refuses a state.")
