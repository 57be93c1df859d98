#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("sample", TWINFLOW_VERSION, "TwinFlow",
                "Makes batches of a data set, by classes or by pairs.")
