#include "reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "plan.h"
#include "registry.h"

namespace twinflow {

namespace {

/// The innermost shape of lists and pairs.
const ValueShape& held(const ValueShape& shape) { return shape.element ? held(*shape.element) : shape; }

/// "required", "default 0.5", and nothing for a table, whose parameters have their own.
std::string default_text(const ParamInfo& param) {
  if (param.required) return "required";
  if (param.default_text.empty() || param.shape.kind == ValueShape::Kind::table) return "";
  return "default " + param.default_text;
}

/// "0 to 10 degrees", or only the unit where any number will do.
std::string range_text(const ParamInfo& param) {
  const std::string range = param.range_text();
  return range.empty() && !param.unit.empty() ? "in " + param.unit : range;
}

/// A port, as both texts show it.
struct Port {
  std::string kind, name, type, doc;
};

std::vector<Port> ports(const NodeInfo& node) {
  std::vector<Port> all;
  const auto kind = [](const std::vector<PortType>& types, bool constant, bool optional) {
    return type_list(types) + (constant ? ", made once" : "") + (optional ? ", optional" : "");
  };
  for (const InputInfo& port : node.inputs)
    all.push_back({"input", port.name,
                   port.bind_passage ? "names of maps, optional"
                                     : kind(port.types, static_cast<bool>(port.bind), port.optional),
                   port.doc});
  for (const OutputInfo& port : node.outputs)
    all.push_back({"output", port.name, kind(port.types, static_cast<bool>(port.constant), false), port.doc});
  for (const BoardInfo& one : node.publishes)
    all.push_back({"sets", one.name, "number, on the control board", one.doc});
  for (const BoardInfo& one : node.reads)
    all.push_back({"reads", one.name, "number, on the control board", one.doc});
  return all;
}

/// "twin.train (loss)": the types that have a parameter of that family.
std::vector<std::string> takers(const std::string& family, const Types& types) {
  std::vector<std::string> all;
  for (const TypeInfo* info : types)
    for (const ParamInfo& param : info->params)
      if (held(param.shape).kind == ValueShape::Kind::component && held(param.shape).family == family)
        all.push_back(fmt::format("{} ({})", info->type, param.key));
  return all;
}

/// The lines with so many blanks before each that is not empty.
std::string indented(const std::string& text, std::size_t blanks) {
  std::string all;
  bool start = true;
  for (const char c : text) {
    if (start && c != '\n') all.append(blanks, ' ');
    all += c;
    start = c == '\n';
  }
  return all + "\n";
}

std::string params_text(const TypeInfo& info, std::size_t indent) {
  std::string all;
  const auto line = [&](std::string_view key, const std::string& text) {
    all += fmt::format("{:{}}{:<28}{}\n", "", indent, key, text);
  };
  for (const ParamInfo& param : info.params) {
    std::string facts = param.shape.text();
    for (const std::string& fact : {default_text(param), range_text(param)})
      if (!fact.empty()) facts += ", " + fact;
    line(param.key, facts);
    if (!param.doc.empty()) line("", param.doc);
    const ValueShape& inner = held(param.shape);
    if (inner.kind == ValueShape::Kind::component)
      line("", fmt::format("one of: {}", fmt::join(Registry::instance().names(inner.family), ", ")));
    if (inner.kind == ValueShape::Kind::table) all += params_text(*inner.table, indent + 2);
  }
  return all;
}

}  // namespace

std::string list_text(const Types& types) {
  std::string all, kind;
  for (const TypeInfo* info : types) {
    if (info->kind != kind) all += fmt::format("{}{}\n", kind.empty() ? "" : "\n", info->kind);
    kind = info->kind;
    all += fmt::format("  {:<20}{}\n", info->type, info->summary);
  }
  return all;
}

std::string type_text(const TypeInfo& info, const Types& types) {
  std::string all = fmt::format("{} '{}'\n  {}\n", info.kind, info.type, info.summary);
  if (info.kind == Node::family) {
    const auto& node = static_cast<const NodeInfo&>(info);
    all += "\nPorts\n";
    for (const Port& port : ports(node)) {
      all += fmt::format("  {:<8}{:<20}{}\n", port.kind, port.name, port.type);
      if (!port.doc.empty()) all += fmt::format("  {:<28}{}\n", "", port.doc);
    }
    if (!node.metrics.empty()) all += "\nMetrics\n";
    for (const MetricInfo& metric : node.metrics) all += fmt::format("  {:<28}{}\n", metric.name, metric.doc);
  } else if (const auto where = takers(info.kind, types); !where.empty()) {
    all += fmt::format("  Goes into {}.\n", fmt::join(where, ", "));
  }
  if (!info.params.empty()) all += "\nParameters\n" + params_text(info, 2);
  if (!info.example.empty()) all += "\nExample\n" + indented(info.example, 2);
  if (!info.library.empty()) all += fmt::format("\nFrom {}\n", info.library);
  return all;
}

namespace {

/// Text inside a cell of a table: what Markdown would read as its own is escaped. `code` in back-ticks stays.
std::string cell(const std::string& text) {
  std::string all;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*' || c == '[') all += '\\';
    all += c == '\n' ? ' ' : c;
  }
  return all;
}

/// Text as code inside a cell: only the bar would end it.
std::string code(const std::string& text) {
  if (text.empty()) return "";
  std::string all;
  for (const char c : text) {
    if (c == '|') all += '\\';
    all += c == '\n' ? ' ' : c;
  }
  return "`" + all + "`";
}

std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) return "";
  std::string all = fmt::format("\n| {} |\n|", fmt::join(header, " | "));
  for (std::size_t i = 0; i < header.size(); ++i) all += "---|";
  all += "\n";
  for (const auto& row : rows) all += fmt::format("| {} |\n", fmt::join(row, " | "));
  return all;
}

void param_rows(const TypeInfo& info, const std::string& prefix,
                std::vector<std::vector<std::string>>& rows) {
  for (const ParamInfo& param : info.params) {
    const ValueShape& inner = held(param.shape);
    std::string doc = cell(param.doc);
    if (inner.kind == ValueShape::Kind::component)
      doc += fmt::format(" (one of: {})",
                         cell(fmt::format("{}", fmt::join(Registry::instance().names(inner.family), ", "))));
    const bool shown = !param.required && param.shape.kind != ValueShape::Kind::table;
    rows.push_back({code(prefix + param.key), code(param.shape.text()),
                    param.required ? "required"
                    : shown        ? code(param.default_text)
                                   : "",
                    cell(range_text(param)), doc});
    if (inner.kind == ValueShape::Kind::table) param_rows(*inner.table, prefix + param.key + ".", rows);
  }
}

std::string section(const TypeInfo& info, const Types& types) {
  std::string all = fmt::format("\n### {}\n\n{}\n", code(info.type), cell(info.summary));
  if (info.kind == Node::family) {
    const auto& node = static_cast<const NodeInfo&>(info);
    std::vector<std::vector<std::string>> rows;
    for (const Port& port : ports(node))
      rows.push_back({port.kind, code(port.name), cell(port.type), cell(port.doc)});
    all += table({"port", "name", "type", "what"}, rows);
    rows.clear();
    for (const MetricInfo& metric : node.metrics) rows.push_back({code(metric.name), cell(metric.doc)});
    all += table({"metric", "what"}, rows);
  } else if (const auto where = takers(info.kind, types); !where.empty()) {
    all += fmt::format("Goes into {}.\n", fmt::join(where, ", "));
  }
  std::vector<std::vector<std::string>> rows;
  param_rows(info, "", rows);
  all += table({"parameter", "type", "default", "range", "what"}, rows);
  if (!info.example.empty()) all += fmt::format("\n```toml\n{}\n```\n", info.example);
  return all;
}

}  // namespace

std::string markdown(const Types& types) {
  std::string all =
      "# What TwinFlow graphs are built from\n\n"
      "Written by `flowinspect --markdown` from the descriptions that graph files are checked by.\n\n"
      "## The run\n";
  all += section(table_info<RunSettings>(), types);
  std::string kind;
  for (const TypeInfo* info : types) {
    if (info->kind != kind) all += fmt::format("\n## {}\n", info->kind);
    kind = info->kind;
    all += section(*info, types);
  }
  return all;
}

std::string libraries_text(const std::vector<PluginLibrary>& libraries,
                           const std::vector<std::filesystem::path>& searched) {
  std::string all = "Searched\n";
  for (const auto& place : searched) all += fmt::format("  {}\n", place.string());
  for (const PluginLibrary& library : libraries) {
    all += fmt::format("\n{}\n", library.file);
    if (library.loaded)
      all += fmt::format("  {} {}, by {}\n  {}\n", library.name, library.version, library.author,
                         library.description);
    std::map<std::string, std::vector<std::string>> offered;
    for (const auto& [kind, type] : library.types) offered[kind].push_back(type);
    for (auto& [kind, types] : offered) {
      std::sort(types.begin(), types.end());
      all += fmt::format("  {:<12}{}\n", kind, fmt::join(types, ", "));
    }
    if (library.unoptimised)
      all += "  slow: it was built without optimisation; build it with -DCMAKE_BUILD_TYPE=Release\n";
    if (!library.refusal.empty()) all += fmt::format("  refused: {}\n", library.refusal);
  }
  return all;
}

}  // namespace twinflow
