// A plugin that cannot be bound: it calls what nobody defines.
#include "twinflow/plugin.h"

void nobody_defines_this();

class Missing final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Missing>& spec) {
    spec.summary("Never loaded.");
    nobody_defines_this();
  }
};
TWINFLOW_NODE("missing.symbol", Missing)
TWINFLOW_PLUGIN("missing_symbol", "1", "nobody", "A plugin that is wrong.")
