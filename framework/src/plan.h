#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "run_settings.h"

namespace twinflow {

/// A checked graph: nodes made and bound, wired, upstream first. Nothing is open yet.
struct Plan {
  struct Link {
    std::size_t node = 0;    // index into nodes
    std::size_t output = 0;  // index into its info's outputs
    Place place;             // in 'from'
  };
  struct PlannedNode {
    std::string name;
    const NodeInfo* info = nullptr;
    std::shared_ptr<Node> node;
    Place place;                                       // of [node.NAME]
    Value table;                                       // what stands there
    bool sound = false;                                // nothing was wrong with it by itself
    std::vector<std::pair<std::size_t, Link>> inputs;  // index into its info's inputs <- what feeds it
    std::vector<PortType> output_types;                // one per output: what flows there in this graph
    std::vector<MetricInfo> metrics;                   // that it reports, those of its parameters included
    std::optional<ImageShape> image_shape;             // of the images that leave it, where that is known
    std::vector<std::string> prepared_by;              // nodes that prepared these images; itself, too
  };

  Value graph;  // as written
  RunSettings run;
  std::vector<PlannedNode> nodes;
  std::string graph_name;            // the file's name without its ending
  std::filesystem::path graph_file;  // whole; empty of a graph that a run has saved
  std::string resolved_toml;         // the graph with everything written out: bases, overrides, defaults
};

/// The input that `from = "node"` feeds, without a name: the only one, or the only one that must be fed. None
/// where there is no such input.
std::optional<std::size_t> unnamed_input(const std::deque<InputInfo>& inputs);

/// Loads and checks a graph file: no data opened, nothing written. Every problem found is in `problems`; the
/// plan is good only when there is none. `starts`: a run is to start anew, so that the files that it reads as
/// it starts have to be there (reads_at_start).
Plan make_plan(const std::filesystem::path& file, const std::vector<std::string>& overrides,
               Problems& problems, bool starts = false);

/// The same for a graph that a run has saved, whole: `file` is what it is called in sentences.
Plan make_saved_plan(const std::string& graph, const std::filesystem::path& file,
                     const std::vector<std::string>& overrides, Problems& problems);

}  // namespace twinflow
