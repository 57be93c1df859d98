#include "plugins.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/dll/library_info.hpp>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "registry.h"
#include "twinflow/plugin.h"

namespace twinflow {

namespace {

struct Stamp {
  std::vector<std::string> abis;
  std::vector<std::pair<std::string, std::string>> types;  // kind, type
};

/// Throws when the file is no library that can be read.
Stamp read_stamp(const std::filesystem::path& file) {
  const std::string abi_mark = "twinflow/abi/", type_mark = "twinflow/type/";
  Stamp stamp;
  boost::dll::library_info info(file.string());
  for (const std::string& section : info.sections()) {
    if (section.starts_with(abi_mark)) stamp.abis.push_back(section.substr(abi_mark.size()));
    if (!section.starts_with(type_mark)) continue;
    const std::string name = section.substr(type_mark.size());
    const auto slash = name.find('/');
    if (slash != std::string::npos) stamp.types.emplace_back(name.substr(0, slash), name.substr(slash + 1));
  }
  return stamp;
}

}  // namespace

PluginIndex& PluginIndex::instance() {
  static PluginIndex index;
  return index;
}

PluginIndex::PluginIndex() {
  Registry::instance().load = [this](std::string_view kind, std::string_view type) {
    return load(kind, type);
  };
  Registry::instance().offered = [this](std::string_view kind) { return offered(kind); };
  const std::filesystem::path here = boost::dll::this_line_location().parent_path().string();
  for (const auto& folder : {here / "twinflow", here / ".." / "plugins"})
    if (std::filesystem::is_directory(folder)) add(folder.lexically_normal());
  if (const char* path = std::getenv("TWINFLOW_PLUGIN_PATH")) {
    std::istringstream folders(path);
    for (std::string folder; std::getline(folders, folder, ':');)
      if (!folder.empty()) add(folder);
  }
}

void PluginIndex::add(const std::filesystem::path& file_or_folder) {
  if (!std::filesystem::exists(file_or_folder))
    throw Error(fmt::format("there is no plugin library or folder '{}'", file_or_folder.string()));
  if (!std::filesystem::is_directory(file_or_folder)) return add_file(file_or_folder, true);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(file_or_folder))
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) add_file(file, false);
}

void PluginIndex::add_file(const std::filesystem::path& given, bool named) {
  const std::string file = std::filesystem::weakly_canonical(given).string();
  auto refuse = [&](const std::string& reason) {
    std::string sentence = fmt::format("'{}' cannot be used: {}", file, reason);
    if (named) throw Error(sentence);
    refused_.push_back(std::move(sentence));
  };
  Stamp stamp;
  try {
    stamp = read_stamp(file);
  } catch (const std::exception&) {
    return refuse("it is not a shared library of this system");
  }
  if (stamp.abis.empty()) return refuse("it is not a TwinFlow plugin (it carries no stamp)");
  for (const std::string& abi : stamp.abis)
    if (abi != TWINFLOW_ABI)
      return refuse(fmt::format("it was built for {}, this is {}; build it again", abi, TWINFLOW_ABI));
  for (const auto& type : stamp.types) {
    auto [old, added] = library_of_.try_emplace(type, file);
    if (!added && old->second != file)
      throw Error(fmt::format("{} '{}' is offered twice: by '{}' and by '{}'", type.first, type.second,
                              old->second, file));
  }
}

bool PluginIndex::load(std::string_view kind, std::string_view type) {
  const auto found = library_of_.find({std::string(kind), std::string(type)});
  if (found == library_of_.end()) return false;
  load_file(found->second);
  return true;
}

void PluginIndex::load_file(const std::string& file) {
  if (std::find(loaded_.begin(), loaded_.end(), file) != loaded_.end()) return;
  Registry::instance().loading = file;
  std::string failure;
  try {
    // Leaked on purpose: objects and type_infos of a library may outlive any owner.
    new boost::dll::shared_library(file, boost::dll::load_mode::rtld_now);
  } catch (const boost::system::system_error& error) {
    failure = error.what();
  }
  Registry::instance().loading.clear();
  if (failure.empty()) failure = std::exchange(Registry::instance().registration_failure, {});
  if (!failure.empty()) throw Error(fmt::format("the plugin '{}' cannot be loaded: {}", file, failure));
  loaded_.push_back(file);
}

std::vector<std::string> PluginIndex::offered(std::string_view kind) const {
  std::vector<std::string> names;
  for (const auto& [type, file] : library_of_)
    if (type.first == kind) names.push_back(type.second);
  return names;
}

void PluginIndex::load_all() {
  for (const auto& [type, file] : library_of_) {
    try {
      load_file(file);
    } catch (const Error& error) {
      if (std::find(refused_.begin(), refused_.end(), error.what()) == refused_.end())
        refused_.push_back(error.what());
    }
  }
}

}  // namespace twinflow
