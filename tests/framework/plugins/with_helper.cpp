// A plugin that links to a library that is none.
#include "number.h"
#include "twinflow/plugin.h"

class Helped final : public twinflow::Map<PluginNumber, PluginNumber> {
 public:
  static void describe(twinflow::NodeSpec<Helped>& spec) { spec.summary("Does nothing by itself."); }
  PluginNumber apply(PluginNumber input, const twinflow::Item&) const override { return input; }
};
TWINFLOW_NODE("example.helped", Helped)
TWINFLOW_PLUGIN("with helper", "1.0.0", "A. Author <a@example.org>", "Needs help.")
