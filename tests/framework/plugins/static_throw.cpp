// A plugin with a static initialiser that fails.
#include <stdexcept>

#include "number.h"
#include "twinflow/plugin.h"

namespace {

struct Table {
  Table() { throw std::runtime_error("the table is missing"); }
} table;

class Constant final : public twinflow::Constants {
 public:
  static void describe(twinflow::NodeSpec<Constant>& spec) { spec.summary("Does nothing."); }
};
TWINFLOW_NODE("static_throw.nothing", Constant)

}  // namespace

TWINFLOW_PLUGIN("static_throw", "1", "nobody", "Cannot be loaded.")
