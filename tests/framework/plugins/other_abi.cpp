// A plugin that says it was built for another framework.
#include "twinflow/plugin.h"
#undef TWINFLOW_ABI
#define TWINFLOW_ABI "0.0.9/gxx1/cxx11abi0"

class Other final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Other>& spec) { spec.summary("Never loaded."); }
};
TWINFLOW_NODE("other.abi", Other)
TWINFLOW_PLUGIN("other_abi", "1", "nobody", "A plugin that is wrong.")
