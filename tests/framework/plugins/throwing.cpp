// A plugin that throws what it is told to.
#include "throwing.h"

#include <stdexcept>

#include "number.h"
#include "twinflow/plugin.h"

class Throw final : public twinflow::Source<PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Throw>& spec) {
    spec.summary("Throws.");
    spec.param("what", &Throw::what)
        .names({{"error", What::error},
                {"derived", What::derived},
                {"standard", What::standard},
                {"own", What::own},
                {"number", What::number}})
        .doc("the type of the exception");
  }
  PluginNumber make(const twinflow::Item&) const override {
    struct OwnError : std::runtime_error {
      using std::runtime_error::runtime_error;
    };
    switch (what) {
      case What::error:
        throw twinflow::Error("the basket is empty");
      case What::derived:
        throw OutOfApples("no apples", 3);
      case What::standard:
        throw std::out_of_range("beyond the last apple");
      case What::own:
        throw OwnError("an error of its own");
      case What::number:
        throw 42;
    }
    return {};
  }

 private:
  enum class What { error, derived, standard, own, number } what = What::error;
};
TWINFLOW_NODE("throwing.source", Throw)

class Drop final : public twinflow::Sink<PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Drop>& spec) { spec.summary("Drops what it gets."); }
  void process(PluginNumber, const twinflow::Item&) override {}
};
TWINFLOW_NODE("throwing.sink", Drop)

TWINFLOW_PLUGIN("throwing", "1", "nobody", "Throws exceptions of all kinds.")
