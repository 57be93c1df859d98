#include "graph_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "toml_limits.h"
#include "twinflow/read_bounded.h"
#include "twinflow/spec.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

std::shared_ptr<const Place::Text> make_text(const std::string& content, const std::string& name,
                                             const std::string& folder) {
  auto text = std::make_shared<Place::Text>();
  text->name = name;
  text->folder = folder;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    text->lines.push_back(line);
  }
  return text;
}

/// Columns count these.
int characters(std::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char one) { return (one & 0xC0) != 0x80; }));
}

/// What toml++ has read, as values with places in `text`.
class Converter {
 public:
  Converter(std::shared_ptr<const Place::Text> text, Problems& problems)
      : text_(std::move(text)), problems_(problems) {
    for (const std::string& line : text_->lines) widths_.push_back(characters(line));
  }

  /// toml++ counts the end of a line as one of its characters: what is wrong there is shown right behind the
  /// line.
  Place place_of(const toml::source_region& region) const {
    Place place{text_, static_cast<int>(region.begin.line), static_cast<int>(region.begin.column)};
    if (place.line < 1 || place.line > static_cast<int>(widths_.size())) return place;
    place.column = std::min(place.column, widths_[place.line - 1] + 1);
    return place;
  }

  Value::Table convert_table(const toml::table& table, int depth = 0) {
    Value::Table entries;
    entries.reserve(table.size());
    for (auto&& [key, node] : table) {
      const Place place = place_of(key.source());
      if (key.length() > longest_key)
        problems_.error(place,
                        fmt::format("this key has {} bytes; at most {} make one", key.length(), longest_key));
      else
        entries.push_back({std::string(key.str()), place, convert(node, depth)});
    }
    // toml++ sorts by key; people read in the order they wrote.
    std::stable_sort(entries.begin(), entries.end(), [](const Value::Entry& a, const Value::Entry& b) {
      return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
    });
    return entries;
  }

 private:
  static constexpr std::size_t longest_key = 256;  // names of nodes and parameters, shown in sentences

  Value convert(const toml::node& node, int depth) {
    Value value;
    value.place = place_of(node.source());
    if (depth > TomlLimits::levels)  // a table's name and a key inside of it, together
      problems_.error(value.place, "this is nested too deep");
    else if (const auto* table = node.as_table())
      value.data = convert_table(*table, depth + 1);
    else if (const auto* array = node.as_array()) {
      Value::List list;
      list.reserve(array->size());
      for (const toml::node& one : *array) list.push_back(convert(one, depth + 1));
      value.data = std::move(list);
    } else if (const auto* boolean = node.as_boolean())
      value.data = boolean->get();
    else if (const auto* integer = node.as_integer())
      value.data = integer->get();
    else if (const auto* number = node.as_floating_point())
      value.data = number->get();
    else if (const auto* string = node.as_string())
      value.data = string->get();
    else
      problems_.error(value.place, "dates and times are not used in graph files");
    return value;
  }

  std::shared_ptr<const Place::Text> text_;
  Problems& problems_;
  std::vector<int> widths_;  // of each line, in characters
};

/// A choice in its short form, "adamw", as { type = "adamw" }; anything else as it is.
void write_out(Value& choice) {
  if (!choice.get<std::string>()) return;
  const Value type = choice;
  choice.data = Value::Table{{"type", choice.place, type}};
}

/// Sets table.path[0].path[1]... to the value.
void put(Value& table, const std::vector<std::string>& path, std::size_t at, const Value& value,
         Problems& problems) {
  if (at > 0 && path[at - 1] != "from") write_out(table);
  if (!table.get<Value::Table>())
    return problems.error({value.place.text, 1, 1},
                          fmt::format("'{}' is {} in the graph: nothing inside of it can be set",
                                      path[at - 1], table.type_text()));
  auto& entries = std::get<Value::Table>(table.data);
  auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto& one) { return one.key == path[at]; });
  if (found == entries.end()) {
    entries.push_back({path[at], value.place, Value{Value::Table(), value.place}});
    found = entries.end() - 1;
  }
  if (at + 1 < path.size()) return put(found->value, path, at + 1, value, problems);
  found->place = value.place;  // an unknown parameter is then reported where it was asked for
  found->place.column = 1;
  found->value = value;
}

/// Says of a value, and of all inside of it, that it stands in another text, so many columns to the right.
void move_places(Value& value, const std::shared_ptr<const Place::Text>& text, int columns) {
  value.place = {text, 1, value.place.column + columns};
  if (auto* list = std::get_if<Value::List>(&value.data))
    for (Value& one : *list) move_places(one, text, columns);
  if (auto* table = std::get_if<Value::Table>(&value.data))
    for (Value::Entry& entry : *table) {
      entry.place = {text, 1, entry.place.column + columns};
      move_places(entry.value, text, columns);
    }
}

/// Lays `over` over `base`: tables key by key, but a choice of another type replaces the one below whole.
Value lay_over(Value base, const Value& over) {
  auto* below = std::get_if<Value::Table>(&base.data);
  const auto* above = over.get<Value::Table>();
  const auto type_of = [](const Value& value) {
    const Value* type = value.find("type");
    return type && type->get<std::string>() ? *type->get<std::string>() : std::string();
  };
  if (!below || !above || (over.find("type") && type_of(base) != type_of(over))) return over;
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < below->size(); ++i) places.emplace((*below)[i].key, i);
  for (const Value::Entry& entry : *above) {
    const auto found = places.find(entry.key);
    if (found == places.end()) {
      below->push_back(entry);
      continue;
    }
    Value::Entry& old = (*below)[found->second];
    if (entry.key != "from" && entry.value.get<Value::Table>()) write_out(old.value);
    old = {entry.key, entry.place, lay_over(std::move(old.value), entry.value)};
  }
  base.place = over.place;
  return base;
}

/// A graph file over those that it extends. `asked`: where it was asked for; `above`: the files that led
/// here.
Value load_with_bases(const std::filesystem::path& file, const Place& asked,
                      std::vector<std::filesystem::path> above, Problems& problems) {
  Value graph{Value::Table(), asked};
  std::error_code ignored;
  const auto canonical = std::filesystem::weakly_canonical(file, ignored);
  const auto again = std::find(above.begin(), above.end(), canonical);
  if (again != above.end()) {
    std::string loop;
    for (auto one = again; one != above.end(); ++one) loop += one->filename().string() + " -> ";
    problems.error(asked, fmt::format("graph files extend each other in a circle: {}{}", loop,
                                      canonical.filename().string()));
    return graph;
  }
  constexpr std::size_t most_files = 100;
  if (above.size() == most_files) {
    problems.error(asked, fmt::format("more than {} graph files extend each other", most_files));
    return graph;
  }
  above.push_back(canonical);
  std::string content;
  try {
    content = read_bounded(file, TomlLimits::bytes, "graph file");
  } catch (const Error& error) {
    problems.error(asked, error.what());
    return graph;
  }
  graph = parse_toml(content, file.string(), file.parent_path().string(), problems);
  auto& entries = std::get<Value::Table>(graph.data);
  const auto extends =
      std::find_if(entries.begin(), entries.end(), [](const auto& one) { return one.key == "extends"; });
  if (extends == entries.end()) return graph;
  const Value base = extends->value;
  entries.erase(extends);
  if (!base.get<std::string>()) {
    problems.error(base.place,
                   fmt::format("'extends' is the path of a graph file, not {}", base.type_text()));
    return graph;
  }
  return lay_over(load_with_bases(file.parent_path() / *base.get<std::string>(), base.place, above, problems),
                  graph);
}

std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && key.find_first_not_of(
                                        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-") == std::string::npos;
  return bare ? key : ParamType<std::string>::text(key);
}

}  // namespace

Value parse_toml(const std::string& content, const std::string& name, const std::string& folder,
                 Problems& problems) {
  const auto text = make_text(content.size() > TomlLimits::bytes ? "" : content, name, folder);
  Value value{Value::Table(), {text, 1, 1}};
  const std::size_t before = problems.size();
  check_toml_limits(content, text, problems);
  if (problems.size() != before) return value;
  Converter converter(text, problems);
  try {
    const toml::table table = toml::parse(content, name);
    value.data = converter.convert_table(table);
  } catch (const toml::parse_error& error) {
    problems.error(converter.place_of(error.source()), std::string(error.description()));
  }
  return value;
}

Value parse_value(const std::string& toml, const std::string& name, Problems& problems) {
  Value table = parse_toml("value = " + toml, name, "", problems);
  auto& entries = std::get<Value::Table>(table.data);
  if (problems.empty() && (entries.size() != 1 || entries.front().key != "value"))
    problems.error(table.place, "it is not one value");
  return problems.empty() ? std::move(entries.front().value) : Value{};
}

Value load_graph_file(const std::filesystem::path& file, Problems& problems) {
  return load_with_bases(file, {make_text("", file.string(), ""), 1, 1}, {}, problems);
}

namespace {

/// It opens like a list, a table or a string, or is a number of more digits than 64 bits hold.
bool means_toml(const std::string& written) {
  if (written.empty()) return false;
  if (std::string("[{\"'").find(written[0]) != std::string::npos) return true;
  const std::string digits = written.substr(written[0] == '+' || written[0] == '-');
  return digits.size() >= 19 && digits[0] != '0' &&
         digits.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace

void apply_override(Value& graph, const std::string& argument, Problems& problems) {
  const auto text = make_text(argument, "--set", std::filesystem::current_path().string());
  const Place start{text, 1, 1};
  if (argument.find_first_of("\r\n") != std::string::npos)
    return problems.error(start, "--set takes one line");
  const auto equals = argument.find('=');
  std::vector<std::string> path;
  std::istringstream names(argument.substr(0, equals) + ".");  // so that a last name that is empty shows
  for (std::string name; std::getline(names, name, '.');) path.push_back(name);
  const bool run = !path.empty() && path[0] == "run";
  if (equals == std::string::npos || path.size() < 2 ||
      std::any_of(path.begin(), path.end(), [](const std::string& one) { return one.empty(); }))
    return problems.error(start, "--set takes node.parameter=value or run.parameter=value");
  if (path.size() > TomlLimits::levels)
    return problems.error(start, fmt::format("a parameter lies at most {} tables deep", TomlLimits::levels));
  const std::string written = argument.substr(equals + 1);
  Problems wrong;
  const std::string head = "value = ";
  Value parsed = parse_toml(head + written, "--set", text->folder, wrong);
  const int shift = characters(argument.substr(0, equals + 1)) - static_cast<int>(head.size());
  if (!wrong.empty() && means_toml(written)) {
    for (const Problems::Problem& one : wrong.list())
      problems.error({text, 1, one.place.column + shift}, one.message);
    return;
  }
  Value value{written, {}};  // a bare word is a string: the shell has eaten the quotes
  if (wrong.empty()) value = parsed.get<Value::Table>()->front().value;
  value.place.column = static_cast<int>(head.size()) + 1;
  move_places(value, text, shift);
  if (!run) {
    const Value* nodes = graph.find("node");
    if (!nodes || !nodes->find(path[0])) {
      std::vector<std::string> known{"run"};
      if (nodes && nodes->get<Value::Table>())
        for (const auto& entry : *nodes->get<Value::Table>()) known.push_back(entry.key);
      return problems.error(
          start, fmt::format("the graph has no node '{}'{}", shown(path[0]), did_you_mean(path[0], known)));
    }
    path.insert(path.begin(), "node");
  }
  put(graph, path, 0, value, problems);
}

std::string to_toml(const Value& value) {
  std::string all;
  if (const auto* table = value.get<Value::Table>()) {
    for (const auto& entry : *table)
      all += fmt::format("{}{} = {}", all.empty() ? "" : ", ", key_text(entry.key), to_toml(entry.value));
    return "{ " + all + " }";
  }
  if (const auto* list = value.get<Value::List>()) {
    for (const auto& one : *list) all += (all.empty() ? "" : ", ") + to_toml(one);
    return "[" + all + "]";
  }
  if (const auto* boolean = value.get<bool>()) return ParamType<bool>::text(*boolean);
  if (const auto* integer = value.get<std::int64_t>()) return ParamType<std::int64_t>::text(*integer);
  if (const auto* number = value.get<double>()) return ParamType<double>::text(*number);
  return ParamType<std::string>::text(*value.get<std::string>());
}

}  // namespace twinflow
