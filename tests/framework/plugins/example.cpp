// A good plugin.
#include "twinflow/plugin.h"

struct Number {
  static constexpr const char* port_type = "plugin number";
  double value = 0;
};

class Halve final : public twinflow::Map<Number, Number> {
 public:
  static void describe(twinflow::NodeSpec<Halve>& spec) { spec.summary("Halves a number."); }
  Number apply(Number input, const twinflow::Item&) const override { return {input.value / 2}; }
};
TWINFLOW_NODE("example.halve", Halve)
