// A good plugin.
#include "number.h"
#include "twinflow/plugin.h"

class Halve final : public twinflow::Map<PluginNumber, PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Halve>& spec) { spec.summary("Halves a number."); }
  PluginNumber apply(PluginNumber input, const twinflow::Item&) const override { return {input.value / 2}; }
};
TWINFLOW_NODE("example.halve", Halve)
TWINFLOW_PLUGIN("example", "1.2.0", "A. Author <a@example.org>", "Halves, \"exactly\", what it is given.")
