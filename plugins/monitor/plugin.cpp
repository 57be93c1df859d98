#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("monitor", TWINFLOW_VERSION, "TwinFlow",
                "Watches: keeps the best model, stops early, writes logs, shows what the network sees and "
                "what it gets wrong.")
