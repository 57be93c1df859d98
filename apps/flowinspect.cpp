// flowinspect [TYPE]: what there is to build graphs from.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "plan.h"
#include "plugins.h"
#include "registry.h"
#include "runtime.h"
#include "twinflow/plugin.h"

namespace {

using namespace twinflow;

void print_port(const std::string& kind, const std::string& name, const std::vector<PortType>& types,
                bool constant, bool optional, const std::string& doc) {
  fmt::print("  {:<8}{:<20}{}{}{}\n", kind, name, type_list(types), constant ? ", made once" : "",
             optional ? ", optional" : "");
  if (!doc.empty()) fmt::print("  {:<28}{}\n", "", doc);
}

void print_params(const TypeInfo& info) {
  if (!info.params.empty()) fmt::print("\nParameters\n");
  for (const ParamInfo& param : info.params) {
    fmt::print("  {:<28}{}, {}", param.key, param.shape.text(),
               param.required ? "required" : "default " + param.default_text);
    const std::string range = param.range_text();
    if (!range.empty())
      fmt::print(", {}", range);
    else if (!param.unit.empty())
      fmt::print(", in {}", param.unit);
    fmt::print("\n");
    if (!param.doc.empty()) fmt::print("  {:<28}{}\n", "", param.doc);
  }
}

void print_type(const TypeInfo& info) {
  fmt::print("{} '{}'\n  {}\n", info.kind, info.type, info.summary);
  if (info.kind == Node::family) {
    const auto& node = static_cast<const NodeInfo&>(info);
    fmt::print("\nPorts\n");
    for (const InputInfo& port : node.inputs)
      print_port("input", port.name, port.types, static_cast<bool>(port.bind), port.optional, port.doc);
    for (const OutputInfo& port : node.outputs)
      print_port("output", port.name, port.types, static_cast<bool>(port.constant), false, port.doc);
    if (!node.metrics.empty()) fmt::print("\nMetrics\n");
    for (const MetricInfo& metric : node.metrics) fmt::print("  {:<28}{}\n", metric.name, metric.doc);
  }
  print_params(info);
  if (!info.library.empty()) fmt::print("\nFrom {}\n", info.library);
}

int inspect(const std::string& wanted) {
  PluginIndex::instance().load_all();
  const auto types = Registry::instance().loaded();
  if (wanted.empty()) {
    std::string kind;
    for (const TypeInfo* info : types) {
      if (info->kind != kind) fmt::print("{}{}\n", kind.empty() ? "" : "\n", info->kind);
      kind = info->kind;
      fmt::print("  {:<20}{}\n", info->type, info->summary);
    }
    for (const std::string& refused : PluginIndex::instance().refused())
      fmt::print(stderr, "note: {}\n", refused);
    return finished;
  }
  if (wanted == "run") return print_type(table_info<RunSettings>()), finished;
  std::vector<std::string> names{"run"};
  bool shown = false;
  for (const TypeInfo* info : types) {
    names.push_back(info->type);
    if (info->type != wanted) continue;  // several families may have one name: all are shown
    if (shown) fmt::print("\n");
    print_type(*info);
    shown = true;
  }
  if (shown) return finished;
  fmt::print(stderr, "error: there is no type '{}'{}\n", wanted, did_you_mean(wanted, names));
  return invalid;
}

/// The graph for Graphviz: what is made once is drawn dashed, the stream solid, each edge with its type.
int draw(const std::string& file) {
  Problems problems;
  const Plan plan = make_plan(file, {}, problems);
  if (!problems.empty()) {
    fmt::print(stderr, "{}", problems.str());
    return invalid;
  }
  fmt::print(
      "digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n",
      plan.graph_name);
  for (const auto& node : plan.nodes)
    fmt::print("  \"{}\" [label=<<b>{}</b><br/>{}>];\n", node.name, node.name, node.info->type);
  for (const auto& node : plan.nodes)
    for (const auto& [input, link] : node.inputs) {
      const auto& from = plan.nodes[link.node];
      fmt::print("  \"{}\" -> \"{}\" [label=\"{}\"{}];\n", from.name, node.name,
                 from.output_types[link.output].name, node.info->inputs[input].bind ? ", style=dashed" : "");
    }
  fmt::print("}}\n");
  return finished;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Lists the types that graphs are built from: nodes, layers, losses, optimisers, ... or shows one of "
      "them.",
      "flowinspect");
  std::string type, graph;
  app.add_option("--dot", graph,
                 "draw a graph file: prints it for Graphviz (flowinspect --dot G | dot -Tsvg)");
  app.add_option("TYPE", type, "a type, such as augment.affine or adamw, or 'run' for the [run] table");
  app.set_version_flag("--version", "flowinspect " TWINFLOW_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? finished : invalid;
  }
  try {
    return graph.empty() ? inspect(type) : draw(graph);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return failed;
  }
}
