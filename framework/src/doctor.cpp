#include "doctor.h"

#include <fmt/format.h>
#include <tbb/version.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>

#include "agreement.h"
#include "cgroup.h"
#include "plugins.h"
#include "proc_file.h"
#include "processes.h"
#include "twinflow/libraries.h"
#include "twinflow/memory.h"
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

std::string gb(double bytes) { return fmt::format("{:.1f} GB", bytes * 1e-9); }

void examine_memory(const std::filesystem::path& root, Diagnosis& diagnosis) {
  const auto total = bytes_in(root / "proc/meminfo", "MemTotal:");
  const Memory memory = usable_memory(0, root);
  std::string text = total ? gb(*total) : "unknown";
  if (!memory.limit.empty()) text += fmt::format("; a run may take {}: {}", gb(memory.left), memory.limit);
  diagnosis.facts.emplace_back("memory", text);
  if (memory.unthrottled < memory.left)
    diagnosis.warnings.push_back(fmt::format(
        "A run that takes more than {} of memory is slowed down: {} (memory.high); ask whoever started this "
        "(batch system, container) for more.",
        gb(memory.unthrottled), memory.throttle));
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
    std::string advice = "ask whoever started this (batch system, container) for more";
    if (quota->value < 1)
      advice += "; even one thread is stopped for a part of each period";
    else if (quota->value != std::floor(quota->value))
      advice += fmt::format(
          ", in whole processors; until then try whether --threads {} is as fast as the default, {}, as all "
          "threads are stopped for a part of each period",
          static_cast<int>(quota->value), processors.count);
    else
      advice += ", and leave --threads at its default";
    diagnosis.warnings.push_back(
        fmt::format("The cgroup {} allows {:.2f} processors' worth of time, though {} {} in sight: {}.",
                    quota->group.path, quota->value, allowed, allowed == 1 ? "is" : "are", advice));
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
  for (std::string& slow : plugins.slow()) diagnosis.warnings.push_back(std::move(slow));
  for (const auto& [name, version] : libraries())
    if (name != "TwinFlow") diagnosis.facts.emplace_back(name, version);  // which stands above, with more
  for (const auto& look : doctors()) look(diagnosis);
  return diagnosis;
}

std::string number_ranges(const std::vector<int>& ascending) {
  std::string all;
  for (std::size_t i = 0; i < ascending.size();) {
    std::size_t end = i + 1;
    while (end < ascending.size() && ascending[end] == ascending[end - 1] + 1) ++end;
    all += fmt::format("{}{}", all.empty() ? "" : ",", ascending[i]);
    if (end - i > 1) all += fmt::format("-{}", ascending[end - 1]);
    i = end;
  }
  return all;
}

std::string examine_ranks(Ranks& ranks, const Diagnosis& mine) {
  const UsableProcessors processors = usable_processors();
  const auto fact = [&](std::string_view what) {
    for (const auto& [name, how] : mine.facts)
      if (name == what) return how;
    return std::string("unknown");
  };
  const std::string simd = fact("SIMD of oneDNN");
  const std::string crowded = crowding(processors.count, static_cast<int>(processors.allowed.size()),
                                       static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)),
                                       started_together([](const char* name) { return std::getenv(name); }));
  Agreement agreement(ranks);
  const auto rows =
      agreement.of_all(fmt::format("{}: {}; affinity {}; {}; {}", ranks.name(ranks.rank()), processors.reason,
                                   number_ranges(processors.allowed), simd, fact("MPI")));
  const auto simds = agreement.of_all(simd), crowds = agreement.of_all(crowded);

  // Small messages, then a sum of 16 MiB, as those of gradients are: the best of several.
  using Clock = std::chrono::steady_clock;
  const int channel = ranks.channel();
  std::vector<float> numbers(std::size_t{4} << 20, 1.0f);
  double round = 1e9, sum = 1e9;
  std::uint64_t bytes = 0;
  for (int i = 0; i < 50; ++i) {
    const auto begun = Clock::now();
    ranks.sum(channel, {std::span(numbers).first(1)}, "measuring small messages").get();
    round = std::min(round, std::chrono::duration<double>(Clock::now() - begun).count());
  }
  for (int i = 0; i < 5; ++i) {
    const auto begun = Clock::now();
    const std::uint64_t before = ranks.bytes_sent();
    ranks.sum(channel, {numbers}, "measuring sums").get();
    bytes = ranks.bytes_sent() - before;
    sum = std::min(sum, std::chrono::duration<double>(Clock::now() - begun).count());
  }

  std::string all = "Ranks\n";
  for (const std::string& row : rows) all += fmt::format("  {}\n", row);
  all += fmt::format(
      "  a number is summed over them in {:.2f} ms, 16 MiB in {:.1f} ms: {:.2f} GB/s sent by each\n",
      1e3 * round, 1e3 * sum, 1e-9 * static_cast<double>(bytes) / sum);
  std::set<std::string> warnings;
  for (std::size_t rank = 0; rank < crowds.size(); ++rank) {
    if (!crowds[rank].empty()) warnings.insert("Slow: " + crowds[rank] + ".");
    if (simds[rank] != simds[0])
      warnings.insert(
          fmt::format("{} has {}, {} has {}: training refuses processors with different "
                      "instructions (ONEDNN_MAX_CPU_ISA makes them alike).",
                      ranks.name(0), simds[0], ranks.name(static_cast<int>(rank)), simds[rank]));
  }
  for (const std::string& one : warnings) all += fmt::format("  {}\n", one);
  return all + "\n";
}

std::string text(const Diagnosis& diagnosis) {
  std::string all;
  for (const auto& [what, how] : diagnosis.facts) all += fmt::format("{:<16}{}\n", what, how);
  all += diagnosis.warnings.empty() ? "\nNothing to warn of.\n" : "\nWarnings\n";
  for (const std::string& warning : diagnosis.warnings) all += fmt::format("  {}\n", warning);
  return all;
}

}  // namespace twinflow
