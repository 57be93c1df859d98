#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace twinflow {

/// Which library offers which type, read from the files' section names without running their code
/// (twinflow/plugin.h). Libraries are loaded when a graph first needs one of their types, bound at once
/// (RTLD_NOW) and never unloaded.
class PluginIndex {
 public:
  /// The shipped plugins (beside the framework's library, in the build tree or installed), then
  /// TWINFLOW_PLUGIN_PATH (folders, separated by colons). Becomes the registry's source of types.
  static PluginIndex& instance();

  /// Indexes a library, or all in a folder. Throws Error in a sentence when it is named outright and cannot
  /// serve: no such file, not a plugin, another ABI, a type offered twice. In a folder, files that are no
  /// plugins are passed over.
  void add(const std::filesystem::path& file_or_folder);

  /// The library of a type; empty when nobody offers it. Loads it. Throws Error when it cannot be loaded.
  bool load(std::string_view kind, std::string_view type);
  std::vector<std::string> offered(std::string_view kind) const;
  void load_all();
  /// Libraries that were found but cannot serve, each with the reason in a sentence.
  const std::vector<std::string>& refused() const { return refused_; }

 private:
  PluginIndex();
  void add_file(const std::filesystem::path& file, bool named);
  void load_file(const std::string& file);

  std::map<std::pair<std::string, std::string>, std::string> library_of_;  // (kind, type) -> file
  std::vector<std::string> loaded_;
  std::vector<std::string> refused_;
};

}  // namespace twinflow
