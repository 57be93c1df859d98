#include "drawing.h"

#include <fmt/format.h>

#include "twinflow/text.h"

namespace twinflow {

namespace {

/// A string of Graphviz's language.
std::string quoted(const std::string& text) {
  std::string all = "\"";
  for (const char c : shown(text)) {
    if (c == '"' || c == '\\') all += '\\';
    all += c;
  }
  return all + "\"";
}

/// Text inside a label of its HTML-like kind.
std::string label(const std::string& text) {
  std::string all;
  for (const char c : shown(text)) {
    if (c == '&')
      all += "&amp;";
    else if (c == '<')
      all += "&lt;";
    else if (c == '>')
      all += "&gt;";
    else
      all += c;
  }
  return all;
}

}  // namespace

std::string drawing(const Plan& plan) {
  std::string all = fmt::format(
      "digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n",
      quoted(plan.graph_name));
  for (const auto& node : plan.nodes)
    all += fmt::format("  {} [label=<<b>{}</b><br/>{}>];\n", quoted(node.name), label(node.name),
                       label(node.info->type));
  for (const auto& node : plan.nodes)
    for (const auto& [input, link] : node.inputs) {
      const auto& from = plan.nodes[link.node];
      const InputInfo& port = node.info->inputs[input];
      all += fmt::format("  {} -> {} [label={}{}];\n", quoted(from.name), quoted(node.name),
                         quoted(port.bind_passage ? port.name : from.output_types[link.output].name),
                         port.bind           ? ", style=dashed"
                         : port.bind_passage ? ", style=dotted"
                                             : "");
    }
  return all + "}\n";
}

}  // namespace twinflow
