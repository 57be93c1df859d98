#include "twinflow/spec.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "path_text.h"
#include "plugin_code.h"
#include "registry.h"
#include "twinflow/text.h"

namespace twinflow {

void Checking::error_at(const std::vector<Step>& path, std::string message) const {
  const Place* place = &place_;
  const Value* value = &written_;
  for (const Step& step : path) {
    if (const auto* key = std::get_if<std::string>(&step)) {
      value = value->find(*key);
    } else {
      const auto* list = value->get<Value::List>();
      const std::size_t i = std::get<std::size_t>(step);
      value = list && i < list->size() ? &(*list)[i] : nullptr;
    }
    if (!value) break;
    place = &value->place;
  }
  problems_.error(*place, std::move(message));
}

std::string ValueShape::text() const {
  switch (kind) {
    case Kind::boolean:
      return "boolean";
    case Kind::integer:
      return names.empty() ? "integer" : fmt::format("integer, or \"{}\"", fmt::join(names, "\" or \""));
    case Kind::number:
      return "number";
    case Kind::string:
      return "string";
    case Kind::path:
      return "path";
    case Kind::name:
      return fmt::format("\"{}\"", fmt::join(names, "\" | \""));
    case Kind::pair:
      return fmt::format("[{0}, {0}]", element->text());
    case Kind::around: {
      const std::string from = centre == 0 ? "" : std::to_string(centre);
      return fmt::format("[{0}, {0}], or r for [{1}-r, {2}r]", element->text(), from,
                         from.empty() ? "" : from + "+");
    }
    case Kind::list:
      return "list of " + element->text();
    case Kind::one_or_more:
      return fmt::format("{0}, or list of {0}", element->text());
    case Kind::component:
      return family;
    case Kind::table:
      break;
  }
  return "table";
}

std::string ParamInfo::range_text() const {
  const std::string ending = unit.empty() ? "" : " " + unit;
  const bool low_open = low == -std::numeric_limits<double>::infinity();
  const bool high_open = high == std::numeric_limits<double>::infinity();
  if (low_open && high_open) return "";
  if (high_open) return fmt::format("at least {}{}", low, ending);
  if (low_open) return fmt::format("at most {}{}", high, ending);
  return fmt::format("{} to {}{}", low, high, ending);
}

bool ParamInfo::check_number(double number, const Place& place, Problems& problems,
                             const std::string& written) const {
  if (number >= low && number <= high) return true;  // false for NaN too
  problems.error(place, fmt::format("'{}' is {:.15g}{}, out of range: {}", key, number,
                                    written.empty() ? "" : " (" + written + ")", range_text()));
  return false;
}

std::string half_meaning(double half, double low, double high) {
  // All digits but the last, which 1 - 1.2 has wrong.
  return fmt::format("{:.15g} means [{:.15g}, {:.15g}]", half, low, high);
}

const ParamInfo* TypeInfo::find(std::string_view key) const {
  auto found =
      std::find_if(params.begin(), params.end(), [&](const ParamInfo& one) { return one.key == key; });
  return found == params.end() ? nullptr : &*found;
}

void bind_parameters(const TypeInfo& info, void* object, const Value& table, const Place& place,
                     const std::vector<std::string>& skip, Problems& problems) {
  const std::string who = info.kind != "table" ? fmt::format("{} '{}'", info.kind, info.type)
                          : info.type.empty()  ? "this table"
                                               : info.type;
  if (const auto* entries = table.get<Value::Table>()) {
    for (const Value::Entry& entry : *entries) {
      if (std::find(skip.begin(), skip.end(), entry.key) != skip.end()) continue;
      if (const ParamInfo* param = info.find(entry.key)) {
        param->bind(object, entry.value, problems);
        continue;
      }
      std::vector<std::string> known = skip;
      for (const ParamInfo& one : info.params) known.push_back(one.key);
      problems.error(entry.place, fmt::format("{} has no parameter '{}'{}", who, shown(entry.key),
                                              did_you_mean(entry.key, known)));
    }
  }
  for (const ParamInfo& param : info.params)
    if (param.required && !table.find(param.key))
      problems.error(place,
                     fmt::format("{} needs '{}' ({}): {}", who, param.key, param.shape.text(), param.doc));
}

MadeComponent make_component(std::string_view family, const Value& value, Problems& problems) {
  const Value* type = value.get<std::string>() ? &value : value.find("type");
  if (!type || !type->get<std::string>()) {
    problems.error(
        value.place,
        fmt::format("{} {} is written as its name or as {{ type = \"...\", ... }}, not as {}",
                    std::string_view("aeiou").find(family[0]) == std::string_view::npos ? "a" : "an", family,
                    value.get<Value::Table>() ? "a table without 'type'" : value.type_text()));
    return {};
  }
  const std::string& name = *type->get<std::string>();
  const TypeInfo* info = Registry::instance().find_or_report(family, name, type->place, problems);
  if (!info) return {};
  const std::size_t before = problems.size();
  MadeComponent made{nullptr, info};
  check_code("", *info, value.place, problems, [&] {
    made.object = info->make();
    bind_parameters(*info, made.object.get(), value, value.place, {"type"}, problems);
    if (problems.size() == before && info->check)
      info->check(made.object.get(), Checking(value, value.place, problems));
  });
  if (problems.size() != before) return {};
  return made;
}

bool read_table(const TypeInfo& info, void* object, const Value& value, Problems& problems) {
  const std::size_t before = problems.size();
  if (!value.get<Value::Table>())
    problems.error(value.place, fmt::format("expected a table, found {}", value.type_text()));
  else
    bind_parameters(info, object, value, value.place, {}, problems);
  if (problems.size() == before && info.check) info.check(object, Checking(value, value.place, problems));
  return problems.size() == before;
}

namespace {

/// { first, key = value, ... }
std::string inline_table(std::vector<std::string> entries, const TypeInfo& info, const void* object) {
  for (const ParamInfo& param : info.params)
    if (const std::string text = param.text(object); !text.empty())
      entries.push_back(fmt::format("{} = {}", param.key, text));
  return entries.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(entries, ", "));
}

}  // namespace

std::string table_text(const TypeInfo& info, const void* object) { return inline_table({}, info, object); }

std::string component_text(const TypeInfo& info, const void* object) {
  return inline_table({fmt::format("type = \"{}\"", info.type)}, info, object);
}

const TypeInfo& component_info(std::string_view family, std::string_view type) {
  const TypeInfo* info = Registry::instance().find(family, type);
  if (!info) throw Error(fmt::format("there is no {} '{}'", family, type));
  return *info;
}

namespace {

template <class T>
bool read_as(const Value& value, T& out, const std::string& expected, Problems& problems) {
  if (const T* typed = value.get<T>()) return out = *typed, true;
  problems.error(value.place, fmt::format("expected {}, found {}", expected, value.type_text()));
  return false;
}

/// A string; of another value the sentence says how to write it as one.
bool read_string(const Value& value, std::string& out, const std::string& expected, Problems& problems) {
  if (value.get<std::string>() || value.get<Value::List>() || value.get<Value::Table>())
    return read_as(value, out, expected, problems);
  const bool set = value.place.text && value.place.text->name == "--set";
  problems.error(value.place,
                 fmt::format("expected {}, found {}; write it in quotes{}", expected, value.type_text(),
                             set ? ", and all in quotes of the shell: --set 'node.parameter=\"...\"'" : ""));
  return false;
}

}  // namespace

bool ParamType<bool>::read(const Value& value, bool& out, Problems& problems) {
  return read_as(value, out, "true or false", problems);
}
bool ParamType<std::int64_t>::read(const Value& value, std::int64_t& out, Problems& problems) {
  return read_as(value, out, "an integer", problems);
}
bool ParamType<double>::read(const Value& value, double& out, Problems& problems) {
  if (const auto* integer = value.get<std::int64_t>()) return out = static_cast<double>(*integer), true;
  if (!read_as(value, out, "a number", problems)) return false;
  if (std::isfinite(out)) return true;
  problems.error(value.place, "expected a finite number");
  return false;
}
bool ParamType<std::string>::read(const Value& value, std::string& out, Problems& problems) {
  if (!read_string(value, out, "a string", problems)) return false;
  if (is_utf8(out)) return true;  // of --set only: the shell takes any bytes
  problems.error(value.place, fmt::format("'{}' is not UTF-8", shown(out)));
  return false;
}
bool ParamType<std::filesystem::path>::read(const Value& value, std::filesystem::path& out,
                                            Problems& problems) {
  std::string typed;
  if (!read_string(value, typed, "a path, as a string", problems)) return false;
  try {
    out = path_from_text(typed);
  } catch (const Error& error) {
    problems.error(value.place, error.what());
    return false;
  }
  if (!typed.empty() && out.is_relative() && value.place.text)
    out = std::filesystem::absolute(value.place.text->folder / out).lexically_normal();
  return true;
}

std::string ParamType<double>::text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".einf") == std::string::npos) text += ".0";  // TOML tells 1 from 1.0
  return text;
}
std::string ParamType<std::string>::text(const std::string& value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\')
      quoted += '\\', quoted += c;
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      quoted += fmt::format("\\u{:04x}", c);
    else
      quoted += c;
  }
  return quoted + "\"";
}
std::string ParamType<std::filesystem::path>::text(const std::filesystem::path& value) {
  return ParamType<std::string>::text(text_of_path(value));
}

bool list_problem(const Value& value, const ValueShape& expected, Problems& problems) {
  problems.error(value.place, fmt::format("expected {}, found {}", expected.text(),
                                          value.get<Value::List>()
                                              ? fmt::format("a list of {}", value.get<Value::List>()->size())
                                              : value.type_text()));
  return false;
}

bool enum_problem(const Value& value, const std::vector<std::string>& names, Problems& problems) {
  const auto* typed = value.get<std::string>();
  problems.error(value.place, fmt::format("expected \"{}\", found {}{}", fmt::join(names, "\" or \""),
                                          typed ? "\"" + shown(*typed) + "\"" : value.type_text(),
                                          typed ? did_you_mean(*typed, names) : ""));
  return false;
}

}  // namespace twinflow
