#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("augment", TWINFLOW_VERSION, "TwinFlow",
                "Changes images on their way: affine maps and sizes.")
