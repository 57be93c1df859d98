// A plugin whose type cannot describe itself.
#include "twinflow/plugin.h"

class Broken final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Broken>&) { throw twinflow::Error("no words"); }
};
TWINFLOW_NODE("cannot.describe", Broken)
TWINFLOW_PLUGIN("cannot_describe", "1", "nobody", "A plugin that is wrong.")
