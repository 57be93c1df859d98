#include "schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "graph_file.h"
#include "plan.h"
#include "registry.h"
#include "run_settings.h"

namespace twinflow {

namespace {

using Json = nlohmann::ordered_json;
using Kind = ValueShape::Kind;

Json to_json(const Value& value) {
  if (const auto* table = value.get<Value::Table>()) {
    Json all = Json::object();
    for (const Value::Entry& entry : *table) all[entry.key] = to_json(entry.value);
    return all;
  }
  if (const auto* list = value.get<Value::List>()) {
    Json all = Json::array();
    for (const Value& one : *list) all.push_back(to_json(one));
    return all;
  }
  if (const auto* boolean = value.get<bool>()) return *boolean;
  if (const auto* integer = value.get<std::int64_t>()) return *integer;
  if (const auto* number = value.get<double>()) return *number;
  return *value.get<std::string>();
}

/// A default as it stands in the description, which is TOML.
Json default_of(const ParamInfo& param) {
  Problems problems;
  const Value parsed = parse_value(param.default_text, "default", problems);
  if (!problems.empty())
    throw Error(fmt::format("the default of '{}' is no TOML:\n{}", param.key, problems.str()));
  return to_json(parsed);
}

Json limit(double value) {
  if (value == std::floor(value) && std::abs(value) < 0x1p53) return static_cast<std::int64_t>(value);
  return value;
}

/// A sentence for people, of those parts that are not empty.
std::string sentence(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts)
    if (!part.empty()) all += (all.empty() ? "" : "; ") + part;
  return all;
}

/// Writes the schema. A table that may be laid over another (in a file that `extends` one) need not be whole,
/// so every definition comes in two forms.
///
/// What is checked hangs from if and then: the error is then about the one value that is wrong. Editors
/// (Taplo, and Even Better TOML with it) complete from anyOf alone; it stands beside, with `true` among its
/// choices, and checks nothing.
class Writer {
 public:
  explicit Writer(const std::vector<const TypeInfo*>& types) : types_(types) {}

  Json write() {
    Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                   {"title", "A TwinFlow graph"},
                   {"type", "object"}};
    schema["properties"]["extends"] = {{"type", "string"},
                                       {"description", "the graph file that this one is laid over"}};
    schema["properties"]["run"] = table(table_info<RunSettings>(), true);
    Json any = choices(Node::family, true);
    any.push_back(true);
    schema["properties"]["node"] = {{"type", "object"}, {"additionalProperties", {{"anyOf", any}}}};
    schema["additionalProperties"] = false;
    schema["if"] = {{"required", {"extends"}}};
    schema["then"]["properties"]["node"] = nodes(false);
    schema["else"]["properties"]["node"] = nodes(true);
    schema["else"]["required"] = {"node"};
    Json& definitions = schema["definitions"];
    for (const bool whole : {true, false})
      for (const TypeInfo* info : types_) {
        definitions[name(info->kind + "." + info->type, whole)] = typed_table(*info, whole);
        if (info->kind != Node::family && !definitions.contains(name(info->kind, whole)))
          definitions[name(info->kind, whole)] = family(info->kind, whole);
      }
    return schema;
  }

 private:
  static std::string name(const std::string& of, bool whole) { return (whole ? "" : "part.") + of; }
  static Json reference(const std::string& of, bool whole) {
    std::string pointer = "#/definitions/";
    for (const char c : name(of, whole)) {
      if (c == '~')
        pointer += "~0";
      else if (c == '/')
        pointer += "~1";
      else if (std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-')
        pointer += c;
      else
        pointer += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return {{"$ref", pointer}};
  }

  Json choices(const std::string& kind, bool whole) const {
    Json all = Json::array();
    for (const TypeInfo* info : types_)
      if (info->kind == kind) all.push_back(reference(kind + "." + info->type, whole));
    return all;
  }

  /// A table whose `type` is one of that kind decides by which definition it is checked.
  Json by_type(const std::string& kind, bool whole) const {
    Json names = Json::array(), cases = Json::array();
    for (const TypeInfo* info : types_) {
      if (info->kind != kind) continue;
      names.push_back(info->type);
      Json one;
      one["if"] = {
          {"type", "object"}, {"required", {"type"}}, {"properties", {{"type", {{"const", info->type}}}}}};
      one["then"] = reference(kind + "." + info->type, whole);
      cases.push_back(std::move(one));
    }
    Json schema = {{"properties", {{"type", {{"enum", names}}}}}, {"allOf", cases}};
    if (whole) schema["required"] = {"type"};
    return schema;
  }

  Json nodes(bool whole) const {
    Json schema = {{"propertyNames", {{"pattern", "^[A-Za-z0-9_-]+$"}, {"not", {{"const", "run"}}}}}};
    if (whole) schema["minProperties"] = 1;
    schema["additionalProperties"] = by_type(Node::family, whole);
    schema["additionalProperties"]["type"] = "object";
    return schema;
  }

  /// A component of a family: its name, where nothing else is required of it, or a table.
  Json family(const std::string& kind, bool whole) const {
    Json names = Json::array();
    for (const TypeInfo* info : types_)
      if (info->kind == kind && std::none_of(info->params.begin(), info->params.end(),
                                             [](const ParamInfo& param) { return param.required; }))
        names.push_back(info->type);
    Json schema = by_type(kind, whole);
    schema["type"] = {"string", "object"};
    Json named = {{"enum", names}}, short_form;
    short_form["if"] = {{"type", "string"}};
    short_form["then"] = named;
    schema["allOf"].push_back(std::move(short_form));
    schema["anyOf"] = choices(kind, whole);
    schema["anyOf"].push_back(std::move(named));
    schema["anyOf"].push_back(true);
    return schema;
  }

  /// The parameters of a type, with nothing else allowed.
  Json table(const TypeInfo& info, bool whole) const {
    Json schema = {{"type", "object"}, {"description", info.summary}, {"properties", Json::object()}};
    for (const ParamInfo& param : info.params) {
      schema["properties"][param.key] = parameter(param, whole);
      if (whole && param.required) schema["required"].push_back(param.key);
    }
    schema["additionalProperties"] = false;
    return schema;
  }

  /// A node or a component: a table with `type`, and for a node what feeds it.
  Json typed_table(const TypeInfo& info, bool whole) const {
    Json schema = table(info, whole);
    Json properties = {{"type", {{"const", info.type}, {"description", info.summary}}}};
    std::vector<std::string> required;
    if (whole) required.push_back("type");
    if (info.kind == Node::family) {
      const auto& inputs = static_cast<const NodeInfo&>(info).inputs;
      if (!inputs.empty()) properties["from"] = from(inputs, whole);
      if (whole && std::any_of(inputs.begin(), inputs.end(), needed)) required.push_back("from");
    }
    properties.update(schema["properties"]);
    schema["properties"] = properties;
    for (const std::string& key : required) schema["required"].push_back(key);
    return schema;
  }

  static bool needed(const InputInfo& input) { return !input.optional; }

  /// "node" or "node.port", where a bare name says which input it feeds, or a table of such.
  static Json from(const std::deque<InputInfo>& inputs, bool whole) {
    const std::string source = "^[A-Za-z0-9_-]+(\\..+)?$";
    Json schema = {{"description", "what feeds it: \"node\" or \"node.port\", or { input = \"node\", ... }"}};
    if (unnamed_input(inputs)) {
      schema["type"] = {"string", "object"};
      schema["pattern"] = source;
    } else {
      schema["type"] = "object";
    }
    for (const InputInfo& input : inputs) {
      Json& port = schema["properties"][input.name];
      port = {{"type", "string"},
              {"pattern", source},
              {"description", sentence({type_list(input.types), input.doc})}};
      if (input.bind_passage) {
        port["type"] = {"string", "array"};
        port["items"] = {{"type", "string"}, {"pattern", source}};
      }
      if (needed(input) && whole) schema["required"].push_back(input.name);
    }
    schema["additionalProperties"] = false;
    return schema;
  }

  Json parameter(const ParamInfo& param, bool whole) const {
    Json schema = value(param.shape, param, whole);
    if (const std::string text =
            sentence({param.doc, param.range_text().empty() && !param.unit.empty() ? "in " + param.unit
                                                                                   : param.range_text()});
        !text.empty())
      schema["description"] = text;
    if (!param.required && !param.default_text.empty()) schema["default"] = default_of(param);
    return schema;
  }

  Json value(const ValueShape& shape, const ParamInfo& param, bool whole) const {
    switch (shape.kind) {
      case Kind::boolean:
        return {{"type", "boolean"}};
      case Kind::integer:
      case Kind::number: {
        Json schema = {{"type", shape.kind == Kind::integer ? "integer" : "number"}};
        if (std::isfinite(param.low)) schema["minimum"] = limit(param.low);
        if (std::isfinite(param.high)) schema["maximum"] = limit(param.high);
        if (!shape.names.empty()) return {{"anyOf", {schema, {{"enum", shape.names}}}}};
        return schema;
      }
      case Kind::string:
      case Kind::path:
        return {{"type", "string"}};
      case Kind::name:
        return {{"enum", shape.names}};
      case Kind::pair:
        return {{"type", "array"},
                {"items", value(*shape.element, param, true)},
                {"minItems", 2},
                {"maxItems", 2}};
      case Kind::around: {  // limits of numbers do not touch arrays, nor the other way round
        Json schema = {{"type", {"number", "array"}}, {"minimum", 0}};
        if (const double half = std::min(param.high - shape.centre, shape.centre - param.low);
            std::isfinite(half))
          schema["maximum"] = limit(half);
        schema["items"] = value(*shape.element, param, true);
        schema["minItems"] = 2;
        schema["maxItems"] = 2;
        return schema;
      }
      case Kind::one_or_more: {
        const Json element = value(*shape.element, param, true);
        return {{"anyOf", {element, {{"type", "array"}, {"items", element}, {"minItems", 1}}}}};
      }
      case Kind::list:  // taken as it is, not laid over another: its elements are whole
        return {{"type", "array"}, {"items", value(*shape.element, param, true)}};
      case Kind::table:
        return table(*shape.table, whole);
      case Kind::component:
        break;
    }
    // Not the reference itself, beside which a description would not count.
    return {{"allOf", Json::array({reference(shape.family, whole)})}};
  }

  const std::vector<const TypeInfo*>& types_;
};

}  // namespace

nlohmann::ordered_json graph_schema(const std::vector<const TypeInfo*>& types) {
  return Writer(types).write();
}

}  // namespace twinflow
