// flowinspect [TYPE]: what there is to build graphs from. Also: is a run directory whole?

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "arguments.h"
#include "console.h"
#include "crash_report.h"
#include "doctor.h"
#include "drawing.h"
#include "plan.h"
#include "plugins.h"
#include "processes.h"
#include "reference.h"
#include "registry.h"
#include "runtime.h"
#include "schema.h"
#include "twinflow/json_text.h"
#include "twinflow/plugin.h"
#include "twinflow/text.h"
#include "verify.h"

namespace {

using namespace twinflow;

/// Names of plugins and files may hold any bytes.
void print(const std::string& text) { fmt::print("{}", shown_lines(text)); }

Types all_types() {
  PluginIndex::instance().load_all();
  return Registry::instance().loaded();
}

void note_refused() {
  for (const std::string& refused : PluginIndex::instance().refused())
    fmt::print(stderr, "note: {}\n", shown_lines(refused));
}

int list() {
  print(list_text(all_types()));
  note_refused();
  return finished;
}

int list_libraries() {
  PluginIndex& index = PluginIndex::instance();
  index.load_all();
  print(libraries_text(index.libraries(), index.searched()));
  return finished;
}

/// A type by its name, or all of a kind ("loss") or of a prefix ("augment").
int show(const std::string& wanted) {
  if (wanted == "run") return print(type_text(table_info<RunSettings>(), {})), finished;
  const Types types = all_types();
  Types family;
  std::vector<std::string> names{"run"};
  std::string text;
  for (const TypeInfo* info : types) {
    names.push_back(info->type);
    names.push_back(info->kind);
    if (info->kind == wanted || info->type.starts_with(wanted + ".")) family.push_back(info);
    if (info->type == wanted)  // several kinds may have one name: all are shown
      text += (text.empty() ? "" : "\n") + type_text(*info, types);
  }
  if (text.empty()) text = list_text(family);
  if (text.empty()) {
    fmt::print(stderr, "error: there is no type '{}'{}\n", shown(wanted), did_you_mean(wanted, names));
    note_refused();
    return invalid;
  }
  print(text);
  return finished;
}

int draw(const std::string& file) {
  Problems problems;
  const Plan plan = make_plan(file, {}, problems);
  if (!problems.empty()) {
    fmt::print(stderr, "{}", problems.str());
    return invalid;
  }
  print(drawing(plan));
  return finished;
}

/// A line for each file; failed when one is bad.
int verify_files(const std::string& path) {
  bool good = true;
  for (const Verified& one : verify(path)) {
    print(fmt::format("{}: {}\n", one.file.string(), one.text));
    good &= one.good;
  }
  return good ? finished : failed;
}

/// Of several ranks the first one speaks for all.
void examine_here() {
  const std::unique_ptr<Ranks> ranks = connect({});
  const Diagnosis found = examine();
  const std::string together = ranks ? examine_ranks(*ranks, found) : "";
  if (!ranks || ranks->first()) print(together + text(found));
}

}  // namespace

int main(int argc, char** argv) {
  twinflow::open_standard_descriptors();
  report_crashes();
  CLI::App app(
      "Lists the types that graphs are built from: nodes, layers, losses, optimisers, ... or shows one of "
      "them.",
      "flowinspect");
  std::string type, graph, directory;
  bool libraries = false, schema = false, reference = false, doctor = false;
  app.require_option(0, 1);
  app.add_option("TYPE", type,
                 "a type, such as augment.affine or adamw, a kind of them, such as loss or augment, or 'run' "
                 "for the [run] table");
  app.add_flag("--plugins", libraries, "every plugin library found: what it offers, or why it is refused");
  app.add_option("--dot", graph,
                 "draw a graph file: prints it for Graphviz (flowinspect --dot G | dot -Tsvg)");
  app.add_flag("--schema", schema, "a JSON Schema of graph files, by which editors complete and check them");
  app.add_flag("--markdown", reference, "the reference of all types, as Markdown");
  app.add_flag("--doctor", doctor, "what a run finds on this machine, and what will be slow");
  app.add_option("--verify", directory,
                 "check a run directory, or one file of it: states, models, metrics; exit 1 when one is bad");
  app.set_version_flag("--version", "flowinspect " TWINFLOW_VERSION);
  if (const auto wrong = empty_argument(argc, argv)) {
    fmt::print(stderr, "{}", *wrong);
    return invalid;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? finished : invalid;
  }
  try {
    if (!graph.empty()) return draw(graph);
    if (!directory.empty()) return verify_files(directory);
    if (libraries) return list_libraries();
    if (schema) return fmt::print("{}\n", json_text(graph_schema(all_types()), 2)), finished;
    if (reference) return print(markdown(all_types())), finished;
    if (doctor) return examine_here(), finished;
    return type.empty() ? list() : show(type);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", shown_lines(error.what()));
    return failed;
  }
}
