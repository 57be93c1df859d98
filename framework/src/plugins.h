#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace twinflow {

/// A library that was found, and what became of it.
struct PluginLibrary {
  std::string file;
  std::vector<std::pair<std::string, std::string>> types;  // kind and type of what it offers
  bool begun = false, loaded = false;                      // loading it
  bool unoptimised = false;  // some of it was compiled without optimisation: it is many times slower
  std::string refusal;       // why it cannot be used, in a sentence; empty while nothing is known against it
  std::string name, version, author, description;  // as it declares itself; known when it is loaded
};

/// Which library offers which type, read from the files' section names without running their code
/// (twinflow/plugin.h). Libraries are loaded when a graph first needs one of their types, bound at once
/// (RTLD_NOW) and never unloaded.
class PluginIndex {
 public:
  /// The shipped plugins (in twinflow/, beside the framework's library), then TWINFLOW_PLUGIN_PATH (folders,
  /// separated by colons). Becomes the registry's source of types. Throws Error when TWINFLOW_PLUGIN_PATH
  /// names what is not there, or a type is offered twice.
  static PluginIndex& instance();

  /// Indexes a library, or all in a folder. Throws Error in a sentence when it is named outright and cannot
  /// serve: no such file, not a plugin, another ABI, a type offered twice. In a folder, files that are no
  /// plugins are passed over, and remembered as refused.
  void add(const std::filesystem::path& file_or_folder);

  /// Loads the library of a type; false when nobody offers it. Throws Error when it cannot be loaded.
  bool load(std::string_view kind, std::string_view type);
  std::vector<std::string> offered(std::string_view kind) const;
  /// Loads every library that can be; the others are refused from then on.
  void load_all();

  /// Every library that was found, in the order of the search.
  const std::vector<PluginLibrary>& libraries() const { return libraries_; }
  /// The reasons of those that are refused.
  std::vector<std::string> refused() const;
  /// A sentence for each loaded library that was built without optimisation.
  std::vector<std::string> slow() const;
  /// Where libraries were looked for: folders, and files named outright.
  const std::vector<std::filesystem::path>& searched() const { return searched_; }

 private:
  PluginIndex();
  void add_file(const std::filesystem::path& file, bool named);
  void load_library(PluginLibrary& library);
  /// The plugins that one needs go before it: each from the file that was indexed and under its own name,
  /// rather than from wherever the system finds one, and as a part of the library that asks for it. What
  /// lies among the plugins, but is none, is left to the system.
  void load_needed(const PluginLibrary& library);
  std::string search_notes() const;

  std::map<std::pair<std::string, std::string>, std::size_t> library_of_;  // (kind, type) -> its index
  std::vector<PluginLibrary> libraries_;
  std::vector<std::filesystem::path> searched_;
};

}  // namespace twinflow
