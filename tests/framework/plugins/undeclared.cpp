// A plugin that does not say who it is.
#include "twinflow/plugin.h"

class Anonymous final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Anonymous>& spec) { spec.summary("Never loaded."); }
};
TWINFLOW_NODE("undeclared.node", Anonymous)
