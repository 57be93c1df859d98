// A plugin that others link to.
#include "colours.h"

#include "twinflow/plugin.h"

Colour::~Colour() = default;

class Red final : public Colour {
 public:
  static void describe(twinflow::Spec<Red>& spec) { spec.summary("Is red."); }
};
TWINFLOW_COMPONENT("colour", "red", Red)
TWINFLOW_PLUGIN("colours", "1.0.0", "A. Author <a@example.org>", "Colours.")
