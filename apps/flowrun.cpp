// flowrun GRAPH: runs a graph file.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <new>
#include <string_view>

#include "arguments.h"
#include "console.h"
#include "crash_report.h"
#include "runtime.h"
#include "saved_run.h"
#include "signals.h"
#include "twinflow/plugin.h"

namespace {

/// What follows --resume is a run directory, unless it is a graph: a file, or what should be one.
bool names_graph(const std::filesystem::path& path) {
  return std::filesystem::is_regular_file(path) ||
         (path.extension() == ".toml" && !std::filesystem::is_directory(path));
}

int run(int argc, char** argv) {
  // GCC's OpenMP, which oneDNN brings along, would tie the main thread to one processor as it is loaded, and
  // all other threads inherit that.
  for (const char* binding : {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"}) unsetenv(binding);
  CLI::App app("Runs a TwinFlow graph file: checks it, opens its nodes, trains, and writes a run directory.",
               "flowrun");
  std::filesystem::path graph;
  std::vector<std::string> overrides;
  std::string epochs, max_steps, max_time;
  bool check = false;
  twinflow::RunOptions options;
  app.add_option(
      "GRAPH", graph,
      "the graph file (TOML); with --resume DIR, by default the one that the state there was saved by");
  app.add_flag("--check", check, "only check the graph; exit 2 when it is invalid");
  app.add_option("--set", overrides,
                 "override a value: node.parameter=value or run.parameter=value (repeatable)")
      ->allow_extra_args(false);
  auto* output =
      app.add_option("--output", options.output, "the run directory (default: runs/<graph>/<date-time>)");
  auto* resume = app.add_option("--resume", options.resume,
                                "go on in the run directory DIR, from where its state was last saved; "
                                "without DIR: in the newest run of GRAPH under runs/<graph>/")
                     ->expected(0, 1)
                     ->type_name("[DIR]")
                     ->excludes(output);
  app.add_flag("--allow-changes", options.allow_changes,
               "with --resume: go on although the graph or the data have changed")
      ->needs(resume);
  app.add_option("--epochs", epochs, "how many epochs in all, or unlimited; the same as --set run.epochs=N");
  app.add_option("--max-steps", max_steps, "end after that many items in all; --set run.max_steps=N");
  app.add_option("--max-time", max_time, "end after so long in all, as 1h30m; --set run.max_time=TIME");
  app.add_option(
         "--grace", options.grace,
         "seconds between SIGTERM and the end by force (Slurm, Kubernetes): a warning is printed when "
         "saving the state takes longer, and the process ends by itself before they are over, "
         "whatever hangs")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--quiet", options.quiet,
               "nothing on standard output; log.txt in the run directory has it all");
  app.add_option("--threads", options.threads,
                 "threads in all (default: the processors this process may use; see flowinspect --doctor)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--max-in-flight", options.max_in_flight,
                 "items between source and sink at any time (default: threads + 2)")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--trace", options.trace, "write a trace for chrome://tracing or Perfetto to this file");
  app.set_version_flag("--version", "flowrun " TWINFLOW_VERSION);
  app.footer(
      "Exit codes: 0 finished (early stop and budgets included), 1 failed, 2 invalid graph or usage, 3 "
      "stopped by a signal (130 at once, by a second Ctrl-C); the state is saved, unless nothing was opened "
      "yet.\n"
      "Examples: flowrun graphs/train.toml --set run.epochs=3 --set twin.optimizer.learning_rate=1e-4\n"
      "          flowrun graphs/train.toml --resume");
  if (const auto wrong = twinflow::empty_argument(argc, argv)) {
    twinflow::print_error(*wrong);
    return twinflow::invalid;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? twinflow::finished : twinflow::invalid;
  }

  try {
    if (names_graph(options.resume) && (graph.empty() || std::filesystem::is_directory(graph)))
      std::swap(graph, options.resume);
    for (const auto& path : {graph, options.resume})
      if (path.extension() == ".safetensors" && std::filesystem::is_regular_file(path)) {
        twinflow::print_error(
            fmt::format("error: '{}' is no graph, and --resume takes a run directory\n", path.string()));
        return twinflow::invalid;
      }
    if (graph.empty() && options.resume.empty()) {
      twinflow::print_error(
          fmt::format("{}\nRun with --help for more information.\n",
                      *resume ? "--resume needs a graph, to go on in the newest run of it, "
                                "or a run directory: flowrun GRAPH --resume, or flowrun "
                                "--resume DIR"
                              : "GRAPH is required, as in: flowrun graphs/train.toml (or --resume DIR)"));
      return twinflow::invalid;
    }
    options.resume_newest = *resume && options.resume.empty();
    if (!options.resume.empty() && !std::filesystem::is_directory(options.resume)) {
      twinflow::print_error(fmt::format("error: there is no run directory '{}'\n", options.resume.string()));
      return twinflow::invalid;
    }
    for (const auto& [key, value] :
         {std::pair("epochs", epochs), {"max_steps", max_steps}, {"max_time", max_time}})
      if (!value.empty()) overrides.push_back(fmt::format("run.{}={}", key, value));
    twinflow::Problems problems;
    // The saved state knows the graph that it belongs to; graph.toml beside it may be one save ahead.
    const bool saved = graph.empty();
    if (saved) graph = options.resume / "graph.toml";
    twinflow::Plan plan = saved ? twinflow::make_saved_plan(twinflow::read_saved_values(options.resume).graph,
                                                            graph, overrides, problems)
                                : twinflow::make_plan(graph, overrides, problems, !*resume);
    twinflow::print_error(problems.str());
    if (!problems.empty()) {
      twinflow::print_error(fmt::format("{} error{}\n", problems.size(), problems.size() == 1 ? "" : "s"));
      return twinflow::invalid;
    }
    if (check) {
      twinflow::print_line(fmt::format("{}: good ({} nodes)\n", graph.string(), plan.nodes.size()));
      return twinflow::finished;
    }
    return twinflow::run_plan(plan, options);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {  // plugins that clash, a run that cannot be set up
    twinflow::print_error(fmt::format("error: {}\n", error.what()));
    return twinflow::failed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  twinflow::open_standard_descriptors();
  twinflow::report_crashes();
  int code = twinflow::failed;
  try {
    static const auto& signals = *new twinflow::SignalGuard;  // until the process has ended
    (void)signals;
    code = run(argc, argv);
  } catch (const twinflow::Error& error) {
    twinflow::print_error(fmt::format("error: {}\n", error.what()));
  } catch (const std::bad_alloc&) {
    constexpr std::string_view text = "error: there is not enough memory\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text.data(), text.size());
  }
  twinflow::Console::instance().flush();
  return code;
}
