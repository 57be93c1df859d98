#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("augment", TWINFLOW_VERSION, "TwinFlow",
                "Changes images on their way: shape, size, colour, noise and scale of values.")
