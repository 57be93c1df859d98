#pragma once

#include <map>
#include <string>

namespace twinflow {

/// Tells of a library that computes what a plugin library gives out: another version of it may round
/// otherwise, and the same seed then ends in other bits. To be called as the plugin library is loaded:
///
///     const bool registered = twinflow::register_library("oneDNN", its_version());
///
/// A state keeps the versions; a run that resumes it with others says so. Ranks with different versions are
/// refused. Where several plugin libraries name the same one, the last version counts. Returns true.
bool register_library(const std::string& name, const std::string& version);

/// The versions, by name: of the plugin libraries that are loaded, and of TwinFlow itself. To be called while
/// none is being loaded.
const std::map<std::string, std::string>& libraries();

}  // namespace twinflow
