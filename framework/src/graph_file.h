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

/// A graph file laid over those it `extends`, with the --set overrides ("node.param=value") on top. Overrides
/// of things that do not exist make them: whether they may exist is the check's to say, at the override's
/// place.
Value load_graph_file(const std::filesystem::path& file, const std::vector<std::string>& overrides,
                      Problems& problems);

/// A value as TOML, on one line.
std::string to_toml(const Value& value);

}  // namespace twinflow
