#pragma once

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "twinflow/folder.h"

namespace twinflow::monitor {

/// The files of one monitor.checkpoint in a run directory: NAME-step-N.safetensors for each model, and links
/// to some of them. Where the file system has no links, a copy of the model has the link's name.
class ModelFolder {
 public:
  using MakeLink = int (*)(const char* target, int folder, const char* link);

  /// `make_link`: as symlinkat.
  ModelFolder(Folder folder, std::string name, MakeLink make_link = ::symlinkat)
      : folder_(std::move(folder)), name_(std::move(name)), make_link_(make_link) {}

  static std::string file_called(const std::string& name, std::string_view step);
  static std::string link_called(const std::string& name, std::string_view which = "");
  std::string file(std::uint64_t step) const { return file_called(name_, std::to_string(step)); }
  /// NAME.safetensors, or NAME-WHICH.safetensors.
  std::string link(std::string_view which = "") const { return link_called(name_, which); }

  /// Makes a link, or a copy, that stands for the model: relative, so that the folder may be moved; replaced
  /// in one step. Throws Error naming it.
  void point(const std::string& link, std::uint64_t step) const;
  /// The steps of the models that there are.
  std::set<std::uint64_t> steps() const;
  /// Removes all models but these, and what a killed run left half written.
  void remove_others(const std::set<std::uint64_t>& wanted) const;

 private:
  bool is_copy(const std::string& name, const std::string& model) const;
  void copy(const std::string& model, const std::string& name) const;
  std::optional<std::uint64_t> step_of(std::string_view file_name, bool& whole) const;

  Folder folder_;
  std::string name_;
  MakeLink make_link_;
};

}  // namespace twinflow::monitor
