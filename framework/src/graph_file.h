#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "twinflow/value.h"

namespace twinflow {

/// TOML text as a table with places. Syntax errors become problems; what could be read is then an empty
/// table.
Value parse_toml(const std::string& text, const std::string& name, const std::string& folder,
                 Problems& problems);

/// A graph file laid over those it `extends`.
Value load_graph_file(const std::filesystem::path& file, Problems& problems);

/// Puts a --set override ("node.param=value") on top. Parameters that do not exist are made: whether they may
/// exist is the check's to say, at the override's place.
void apply_override(Value& graph, const std::string& argument, Problems& problems);

/// A value as TOML, on one line.
std::string to_toml(const Value& value);

}  // namespace twinflow
