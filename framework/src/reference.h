#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plugins.h"
#include "twinflow/node.h"

/// What there is to build graphs from, for people to read: generated from the descriptions that the checks
/// use. Components name the types of their family, which come from the registry.
namespace twinflow {

using Types = std::vector<const TypeInfo*>;

/// The types with their summaries, by kind.
std::string list_text(const Types& types);

/// One type: ports, metrics, parameters with all that is declared of them, an example. `types`: where to look
/// for who takes it, if it is a component.
std::string type_text(const TypeInfo& info, const Types& types);

/// All of it, and the [run] table, as GitHub's Markdown.
std::string markdown(const Types& types);

/// The libraries with what they say of themselves and offer, or why they are refused, and where was searched.
std::string libraries_text(const std::vector<PluginLibrary>& libraries,
                           const std::vector<std::filesystem::path>& searched);

}  // namespace twinflow
