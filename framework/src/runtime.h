#pragma once

#include <filesystem>
#include <optional>

#include "plan.h"

namespace twinflow {

struct RunOptions {
  std::filesystem::path output = {};  // the run directory; empty: runs/<graph>/<date-time>
  std::filesystem::path resume = {};  // a run directory to go on in; empty: a new run
  std::filesystem::path trace = {};   // a file for trace events; empty: none are taken
  int threads = 0;                    // of the arena; 0: usable_processors()
  int max_in_flight = 0;              // items between source and sink; 0: two more than threads
  bool quiet = false;                 // nothing on standard output
  std::optional<double> grace = {};   // seconds from SIGTERM, SIGINT or SIGHUP to the end by force
  bool resume_newest = false;         // where `resume` is empty: go on in the newest run of this graph
  bool allow_changes = false;         // resume although the graph or the data are not the same
};

/// Finished: also where a node or a budget has ended the run.
enum ExitCode : int { finished = 0, failed = 1, invalid = 2, interrupted = 3 };

/// Opens, runs and closes a checked plan. Prints progress to standard output and what went wrong to standard
/// error. The signals of SignalGuard end the run at the next item: what is under way is finished, the state
/// is saved, sinks are closed; resuming goes on in the middle of the epoch, or, where an item has come to
/// some inputs of a node only, from the state saved last. A second SIGINT ends the process at once, and so
/// does the guard when the run does not end in time. Call it on the main thread. Throws Error when the run to
/// be resumed cannot be; where that is for a graph or data that have changed, `invalid` is what comes back,
/// and the differences were printed.
ExitCode run_plan(Plan& plan, const RunOptions& options);

}  // namespace twinflow
