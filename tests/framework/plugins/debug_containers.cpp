// A plugin built with other settings: its vectors and maps have another layout than the framework's.
#define _GLIBCXX_DEBUG
#include "twinflow/plugin.h"

class Debugged final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Debugged>& spec) { spec.summary("Never loaded."); }
};
TWINFLOW_NODE("debug.containers", Debugged)
TWINFLOW_PLUGIN("debug_containers", "1", "nobody", "A plugin that is wrong.")
