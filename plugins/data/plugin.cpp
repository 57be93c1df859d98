#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("data", TWINFLOW_VERSION, "TwinFlow",
                "Data sets: generated glyphs, Omniglot, folders of images, lists of pairs, and IDX files.")
