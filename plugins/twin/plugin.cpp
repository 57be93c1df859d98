#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("twin", TWINFLOW_VERSION, "TwinFlow",
                "Trains and evaluates twin networks: layers, distances, losses, optimisers, schedules.")
