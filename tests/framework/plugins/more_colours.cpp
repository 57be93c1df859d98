// A plugin that links to another one.
#include "colours.h"
#include "twinflow/plugin.h"

class Blue final : public Colour {
 public:
  static void describe(twinflow::Spec<Blue>& spec) { spec.summary("Is blue."); }
};
TWINFLOW_COMPONENT("colour", "blue", Blue)
TWINFLOW_PLUGIN("more colours", "1.0.0", "A. Author <a@example.org>", "More colours.")
