#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("monitor", TWINFLOW_VERSION, "TwinFlow",
                "Watches: keeps the best model, stops early, shows what the network sees.")
