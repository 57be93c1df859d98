#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("data", TWINFLOW_VERSION, "TwinFlow", "Data sets: generated glyphs, and Omniglot.")
