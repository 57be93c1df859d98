#include "doctor.h"

#include <fmt/format.h>
#include <tbb/version.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>

#include "cgroup.h"
#include "plugins.h"
#include "proc_file.h"
#include "twinflow/plugin.h"

namespace twinflow {

namespace {

std::vector<std::function<void(Diagnosis&)>>& doctors() {
  static std::vector<std::function<void(Diagnosis&)>> all;
  return all;
}

/// Physical cores among the processors; 0 where the system does not say.
std::size_t count_cores(const std::vector<int>& processors, const std::filesystem::path& root) {
  std::set<std::string> cores;  // "0,8": the processors that share a core
  for (const int one : processors) {
    std::ifstream file(root / fmt::format("sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", one));
    std::string siblings;
    if (!std::getline(file, siblings)) return 0;
    cores.insert(siblings);
  }
  return cores.size();
}

std::string gib(double bytes) { return fmt::format("{:.1f} GiB", bytes / (1 << 30)); }

void examine_memory(const std::filesystem::path& root, Diagnosis& diagnosis) {
  const auto total = kib_in(root / "proc/meminfo", "MemTotal:");
  std::string text = total ? gib(*total * 1024) : "unknown";
  if (const auto limit = memory_limit(root))
    text += fmt::format("; the cgroup {} allows {}", limit->group.path, gib(limit->value));
  diagnosis.facts.emplace_back("memory", text);
}

void examine_build(Diagnosis& diagnosis) {
  std::string build = "optimised";
#ifndef __OPTIMIZE__
  build = "not optimised";
  diagnosis.warnings.push_back(
      "This build is not optimised and many times slower: configure with -DCMAKE_BUILD_TYPE=Release.");
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  build += ", with a sanitizer";
  diagnosis.warnings.push_back(
      "This build carries a sanitizer, which makes it several times slower: train with a build without one.");
#endif
  diagnosis.facts.emplace_back("TwinFlow", fmt::format("{} ({}), {}", TWINFLOW_VERSION, TWINFLOW_ABI, build));
  diagnosis.facts.emplace_back("oneTBB", TBB_runtime_version());
}

}  // namespace

bool register_doctor(std::function<void(Diagnosis&)> look) {
  doctors().push_back(std::move(look));
  return true;
}

void examine_machine(const UsableProcessors& processors, const std::filesystem::path& root,
                     Diagnosis& diagnosis) {
  diagnosis.facts.emplace_back("processors", processors.reason);
  const std::size_t allowed = processors.allowed.size(), cores = count_cores(processors.allowed, root);
  if (cores > 0) diagnosis.facts.emplace_back("cores", fmt::format("{}, for {} processors", cores, allowed));
  if (cores > 0 && cores < static_cast<std::size_t>(processors.count))
    diagnosis.warnings.push_back(
        fmt::format("The {} processors are threads of {} cores and share their arithmetic: try whether "
                    "--threads {} is as fast.",
                    allowed, cores, cores));
  if (const auto quota = processor_quota(root); quota && quota->value < static_cast<double>(allowed)) {
    diagnosis.warnings.push_back(
        fmt::format("The cgroup {} allows {:.2f} processors' worth of time, though {} are in sight: ask "
                    "whoever started this "
                    "(batch system, container) for more, and leave --threads at its default.",
                    quota->group.path, quota->value, allowed));
    if (quota->value != std::floor(quota->value))
      diagnosis.warnings.push_back(fmt::format(
          "A quota of {:.2f} processors is not whole: {} threads are all stopped for a part of each "
          "period; ask for a whole number, or set --threads {}.",
          quota->value, processors.count, std::max(1, processors.count - 1)));
  }
  examine_memory(root, diagnosis);
}

Diagnosis examine() {
  PluginIndex& plugins = PluginIndex::instance();
  plugins.load_all();
  Diagnosis diagnosis;
  examine_machine(usable_processors(), "/", diagnosis);
  examine_build(diagnosis);
  const auto loaded = std::count_if(plugins.libraries().begin(), plugins.libraries().end(),
                                    [](const PluginLibrary& one) { return one.loaded; });
  std::string places;
  for (const auto& place : plugins.searched()) places += (places.empty() ? "" : ", ") + place.string();
  diagnosis.facts.emplace_back("plugins", fmt::format("{} libraries loaded; searched: {}", loaded, places));
  for (const auto& look : doctors()) look(diagnosis);
  return diagnosis;
}

std::string text(const Diagnosis& diagnosis) {
  std::string all;
  for (const auto& [what, how] : diagnosis.facts) all += fmt::format("{:<16}{}\n", what, how);
  all += diagnosis.warnings.empty() ? "\nNothing to warn of.\n" : "\nWarnings\n";
  for (const std::string& warning : diagnosis.warnings) all += fmt::format("  {}\n", warning);
  return all;
}

}  // namespace twinflow
