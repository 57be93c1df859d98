#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace twinflow {

/// What `flowinspect --doctor` says of the machine, this build, and the libraries that plugins stand on.
struct Diagnosis {
  std::vector<std::pair<std::string, std::string>> facts;  // what, and how it is
  std::vector<std::string> warnings;  // what will be slow and what to do about it, a sentence each
};

/// Lets a plugin library speak of what only it links. To be called as the library is loaded:
///
///     const bool registered = twinflow::register_doctor([](twinflow::Diagnosis& diagnosis) { ... });
///
/// `look` is called on the main thread, later, and only for --doctor. Returns true.
bool register_doctor(std::function<void(Diagnosis& diagnosis)> look);

}  // namespace twinflow
