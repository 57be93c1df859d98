#include "plugins.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/library_info.hpp>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <deque>
#include <exception>
#include <sstream>
#include <utility>

#include "console.h"
#include "needed_libraries.h"
#include "plugin_code.h"
#include "registry.h"
#include "twinflow/plugin.h"

namespace twinflow {

namespace {

struct Stamp {
  std::vector<std::string> abis;
  std::vector<std::pair<std::string, std::string>> types;  // kind, type
  bool declared = false;                                   // it says who it is
  bool unoptimised = false;                                // some of it is
};

/// Throws when the file is no library that can be read.
Stamp read_stamp(const std::string& file) {
  const std::string abi_mark = "twinflow/abi/", type_mark = "twinflow/type/";
  Stamp stamp;
  boost::dll::library_info info(file);
  for (const std::string& section : info.sections()) {
    if (section == "twinflow/plugin") stamp.declared = true;
    if (section == "twinflow/unoptimised") stamp.unoptimised = true;
    if (section.starts_with(abi_mark)) stamp.abis.push_back(section.substr(abi_mark.size()));
    if (!section.starts_with(type_mark)) continue;
    const std::string name = section.substr(type_mark.size());
    const auto slash = name.find('/');
    if (slash != std::string::npos) stamp.types.emplace_back(name.substr(0, slash), name.substr(slash + 1));
  }
  return stamp;
}

/// What a file offers, and why it cannot be used, where that shows before its code runs.
PluginLibrary examine(const std::string& file) {
  PluginLibrary library;
  library.file = file;
  const auto refused = [&](const std::string& reason) {
    library.refusal = fmt::format("'{}' cannot be used: {}", file, reason);
    return library;
  };
  Stamp stamp;
  try {
    stamp = read_stamp(file);
  } catch (const std::exception&) {
    return refused("it is not a shared library of this system");
  }
  library.types = std::move(stamp.types);
  library.unoptimised = stamp.unoptimised;
  if (stamp.abis.empty()) return refused("it is not a TwinFlow plugin (it carries no stamp)");
  for (const std::string& abi : stamp.abis)
    if (abi != TWINFLOW_ABI)
      return refused(fmt::format("it was built for {}, this is {}; build it again", abi, TWINFLOW_ABI));
  if (!stamp.declared)
    return refused(
        "it does not say who it is; add TWINFLOW_PLUGIN(\"name\", \"version\", \"author\", "
        "\"description\") to one of its source files");
  return library;
}

/// What the system said, without what Boost.DLL says around it.
std::string system_message(const std::string& what) {
  const std::string before = "(dlerror system message: ";
  const auto begin = what.find(before), end = what.rfind("): ");
  if (begin == what.npos || end == what.npos) return what;
  return what.substr(begin + before.size(), end - begin - before.size());
}

/// What a static initialiser throws must not leave dlopen, and mostly cannot: std::terminate is called there.
/// All that is left to do is to say where, and to end as for any other graph that is wrong.
[[noreturn]] void end_while_loading() {
  const Registry& registry = Registry::instance();
  const std::string message =
      fmt::format("the plugin '{}' cannot be loaded: a static initialiser failed: {}", registry.loading,
                  std::current_exception() ? exception_text() : "it called std::terminate");
  Problems problems;
  if (registry.wanted_at) problems.error(*registry.wanted_at, message);
  print_error(registry.wanted_at ? problems.str() : "error: " + message + "\n");
  Console::instance().flush();
  _exit(2);  // ExitCode::invalid
}

struct Terminating {
  explicit Terminating(std::terminate_handler handler) : before(std::set_terminate(handler)) {}
  ~Terminating() { std::set_terminate(before); }
  const std::terminate_handler before;
};

}  // namespace

PluginIndex& PluginIndex::instance() {
  static PluginIndex index;
  return index;
}

PluginIndex::PluginIndex() {
  // OpenBLAS, which OpenCV links to, starts a thread for each processor as it is loaded, and raises SIGINT
  // when it cannot. Nothing here computes with it.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  const std::filesystem::path here = boost::dll::this_line_location().parent_path().string();
  const std::filesystem::path shipped = (here / "twinflow").lexically_normal();
  if (std::filesystem::is_directory(shipped))
    add(shipped);
  else
    searched_.push_back(shipped);
  if (const char* path = std::getenv("TWINFLOW_PLUGIN_PATH")) {
    std::istringstream folders(path);
    try {
      for (std::string folder; std::getline(folders, folder, ':');)
        if (!folder.empty()) add(folder);
    } catch (const Error& error) {
      throw Error(fmt::format("TWINFLOW_PLUGIN_PATH: {}", error.what()));
    }
  }
  Registry& registry = Registry::instance();
  registry.load = [this](std::string_view kind, std::string_view type) { return load(kind, type); };
  registry.offered = [this](std::string_view kind) { return offered(kind); };
  registry.search_notes = [this] { return search_notes(); };
}

void PluginIndex::add(const std::filesystem::path& file_or_folder) {
  if (!std::filesystem::exists(file_or_folder))
    throw Error(fmt::format("there is no plugin library or folder '{}'", file_or_folder.string()));
  const auto path = std::filesystem::weakly_canonical(file_or_folder);
  if (std::filesystem::is_directory(path)) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.path().extension() == ".so") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) add_file(file, false);
  } else {
    add_file(path, true);
  }
  if (std::find(searched_.begin(), searched_.end(), path) == searched_.end()) searched_.push_back(path);
}

void PluginIndex::add_file(const std::filesystem::path& given, bool named) {
  const std::string file = std::filesystem::weakly_canonical(given).string();
  const auto known = std::find_if(libraries_.begin(), libraries_.end(),
                                  [&](const PluginLibrary& one) { return one.file == file; });
  PluginLibrary library = known == libraries_.end() ? examine(file) : *known;
  if (named && !library.refusal.empty()) throw Error(library.refusal);
  if (known != libraries_.end()) return;
  if (library.refusal.empty()) {
    for (const auto& type : library.types)
      if (const auto old = library_of_.find(type); old != library_of_.end())
        throw Error(fmt::format("{} '{}' is offered twice: by '{}' and by '{}'", type.first, type.second,
                                libraries_[old->second].file, file));
    for (const auto& type : library.types) library_of_[type] = libraries_.size();
  }
  libraries_.push_back(std::move(library));
}

bool PluginIndex::load(std::string_view kind, std::string_view type) {
  const auto found = library_of_.find({std::string(kind), std::string(type)});
  if (found == library_of_.end()) return false;
  load_library(libraries_[found->second]);
  return true;
}

void PluginIndex::load_library(PluginLibrary& library) {
  if (library.loaded) return;
  if (!library.refusal.empty()) throw Error(library.refusal);
  if (std::exchange(library.begun, true)) return;  // two libraries may need each other
  std::string failure;
  try {
    load_needed(library);
    const InCodeOf here(library.file);
    Registry::instance().loading = library.file;
    // Never destroyed: objects and type_infos of a library may outlive any owner.
    static auto& kept = *new std::deque<boost::dll::shared_library>;
    const Terminating otherwise(end_while_loading);
    const auto& loaded = kept.emplace_back(library.file, boost::dll::load_mode::rtld_now);
    const auto& info = loaded.get<const PluginInfo>("twinflow_plugin");
    library.name = info.name, library.version = info.version;
    library.author = info.author, library.description = info.description;
  } catch (const boost::system::system_error& error) {
    failure = system_message(error.what());
  } catch (const Error& error) {
    failure = error.what();
  } catch (...) {
    end_while_loading();  // the loader was left amid its work
  }
  Registry::instance().loading.clear();
  if (failure.empty()) failure = std::exchange(Registry::instance().registration_failure, {});
  if (!failure.empty()) {
    library.refusal = fmt::format("the plugin '{}' cannot be loaded: {}", library.file, failure);
    throw Error(library.refusal);
  }
  library.loaded = true;
}

void PluginIndex::load_needed(const PluginLibrary& library) {
  for (const std::string& name : needed_libraries(library.file))
    for (PluginLibrary& other : libraries_)
      if (!other.types.empty() && std::filesystem::path(other.file).filename() == name) load_library(other);
}

std::vector<std::string> PluginIndex::offered(std::string_view kind) const {
  std::vector<std::string> names;
  for (const auto& [type, library] : library_of_)
    if (type.first == kind) names.push_back(type.second);
  return names;
}

void PluginIndex::load_all() {
  for (PluginLibrary& library : libraries_) {
    try {
      load_library(library);
    } catch (const Error&) {  // kept as its refusal
    }
  }
}

std::vector<std::string> PluginIndex::refused() const {
  std::vector<std::string> sentences;
  for (const PluginLibrary& library : libraries_)
    if (!library.refusal.empty()) sentences.push_back(library.refusal);
  return sentences;
}

std::vector<std::string> PluginIndex::slow() const {
  std::vector<std::string> sentences;
  for (const PluginLibrary& library : libraries_)
    if (library.loaded && library.unoptimised)
      sentences.push_back(
          fmt::format("The plugin '{}' was built without optimisation, which makes it many times "
                      "slower: build it with -DCMAKE_BUILD_TYPE=Release.",
                      library.file));
  return sentences;
}

std::string PluginIndex::search_notes() const {
  std::string places;
  for (const auto& place : searched_)
    places += fmt::format("{}'{}'", places.empty() ? "" : ", ", place.string());
  std::string notes = "\n  note: plugins were looked for in " + places +
                      "; TWINFLOW_PLUGIN_PATH and [run] plugins name more places";
  for (const std::string& sentence : refused()) notes += "\n  note: " + sentence;
  return notes;
}

}  // namespace twinflow
