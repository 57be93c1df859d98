#include "twinflow/plugin.h"

TWINFLOW_PLUGIN("mpi", TWINFLOW_VERSION, "TwinFlow", "Connects the processes of a run by MPI.")
