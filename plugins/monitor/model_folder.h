#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace twinflow::monitor {

/// The files of one monitor.checkpoint in a run directory: NAME-step-N.safetensors for each model, and links
/// to some of them.
class ModelFolder {
 public:
  ModelFolder() = default;
  ModelFolder(std::filesystem::path folder, std::string name)
      : folder_(std::move(folder)), name_(std::move(name)) {}

  std::filesystem::path file(std::uint64_t step) const;
  /// NAME.safetensors, or NAME-WHICH.safetensors.
  std::filesystem::path link(std::string_view which = "") const;

  /// Makes a link that stands for the model: relative, so that the folder may be moved; replaced in one step.
  /// Throws Error naming it.
  void point(const std::filesystem::path& link, std::uint64_t step) const;
  /// The steps of the models that there are.
  std::set<std::uint64_t> steps() const;
  /// Removes all models but these, and what a killed run left half written.
  void remove_others(const std::set<std::uint64_t>& wanted) const;

 private:
  std::optional<std::uint64_t> step_of(std::string_view file_name, bool& whole) const;

  std::filesystem::path folder_;
  std::string name_;
};

}  // namespace twinflow::monitor
