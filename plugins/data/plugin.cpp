#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("data", TWINFLOW_VERSION, "TwinFlow",
                "Data sets: generated glyphs, Omniglot, and folders of images.")
