#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("monitor", TWINFLOW_VERSION, "TwinFlow",
                "Watches metrics: keeps the best model, stops early.")
