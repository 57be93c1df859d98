#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "twinflow/node.h"

namespace twinflow {

/// A JSON Schema (draft-07) of graph files built from these types, for editors that complete and check TOML
/// by one. It knows one file and one table at a time: what only the whole graph tells (names of nodes and
/// ports, bases under `extends`, checks between parameters) is flowrun --check's to say, and nothing that
/// this would accept is refused here.
nlohmann::ordered_json graph_schema(const std::vector<const TypeInfo*>& types);

}  // namespace twinflow
