#include "graph_changes.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <span>
#include <string_view>

#include "graph_file.h"

namespace twinflow {

namespace {

/// What of [run] may always change: the steps made stay as they were. (Schedules over the whole run follow
/// its length from there on, which is said.)
constexpr std::string_view never_matters[] = {
    "epochs",      "max_time",   "max_steps",  // how long to go on; but fewer epochs would cut the run short
    "save_every",  "save_steps", "save_minutes",  // when to save
    "progress",    "plugins",                     // what to show, and where plugins are looked for
    "distributed",                                // who runs it
};

std::string toml_of(const Value* value) { return value ? to_toml(*value) : "(none)"; }

/// Calls visit(key, value in a, value in b) for each key of either table, once; nullptr where it has none.
/// By way of an index, because there are as many nodes as somebody writes.
void each_key(const Value* a, const Value* b,
              const std::function<void(const std::string&, const Value*, const Value*)>& visit) {
  const auto entries = [](const Value* value) {
    const auto* table = value ? value->get<Value::Table>() : nullptr;
    return table ? std::span(*table) : std::span<const Value::Entry>();
  };
  const auto index = [&](const Value* value) {
    std::map<std::string_view, const Value*> places;
    for (const Value::Entry& entry : entries(value)) places.emplace(entry.key, &entry.value);
    return places;
  };
  const auto in_a = index(a), in_b = index(b);
  for (const Value::Entry& entry : entries(a)) {
    const auto found = in_b.find(entry.key);
    visit(entry.key, &entry.value, found == in_b.end() ? nullptr : found->second);
  }
  for (const Value::Entry& entry : entries(b))
    if (!in_a.contains(entry.key)) visit(entry.key, nullptr, &entry.value);
}

/// The smallest parts that differ, by their paths.
void compare(const std::string& path, const Value* before, const Value* now,
             std::vector<std::string>& found) {
  if (toml_of(before) == toml_of(now)) return;
  const auto *old_table = before ? before->get<Value::Table>() : nullptr,
             *new_table = now ? now->get<Value::Table>() : nullptr;
  const auto *old_list = before ? before->get<Value::List>() : nullptr,
             *new_list = now ? now->get<Value::List>() : nullptr;
  if (old_table && new_table && toml_of(before->find("type")) == toml_of(now->find("type"))) {
    each_key(before, now, [&](const std::string& key, const Value* from, const Value* to) {
      compare(path + "." + key, from, to, found);
    });
  } else if (old_list && new_list && old_list->size() == new_list->size()) {
    for (std::size_t i = 0; i < old_list->size(); ++i)
      compare(fmt::format("{}[{}]", path, i), &(*old_list)[i], &(*new_list)[i], found);
  } else {
    found.push_back(fmt::format("{}: {} -> {}", path, toml_of(before), toml_of(now)));
  }
}

/// Of two numbers of epochs, "unlimited" among them.
bool fewer(const Value& now, const Value& before) {
  const auto* number = now.get<std::int64_t>();
  const auto* was = before.get<std::int64_t>();
  return number && (!was || *number < *was);
}

Value parsed(const std::string& graph) {
  Problems problems;
  Value value = parse_toml(graph, "graph.toml", "", problems);
  if (!problems.empty()) throw Error("the graph in the saved state cannot be read: " + problems.str());
  return value;
}

}  // namespace

std::vector<Change> graph_changes(const std::string& before, const std::string& now) {
  const Value old_graph = parsed(before), new_graph = parsed(now);
  std::vector<Change> all;
  const auto add = [&](const std::string& path, const Value* from, const Value* to, bool matters) {
    std::vector<std::string> found;
    compare(path, from, to, found);
    for (std::string& one : found) all.push_back({std::move(one), matters});
  };
  each_key(
      old_graph.find("run"), new_graph.find("run"),
      [&](const std::string& key, const Value* from, const Value* to) {
        if (key == "epochs" && from && to && fewer(*to, *from)) return add("run." + key, from, to, true);
        add("run." + key, from, to,
            std::find(std::begin(never_matters), std::end(never_matters), key) == std::end(never_matters));
      });
  each_key(old_graph.find("node"), new_graph.find("node"),
           [&](const std::string& name, const Value* from, const Value* to) {
             const auto type = [](const Value& node) {
               const Value* found = node.find("type");
               return found && found->get<std::string>() ? *found->get<std::string>() : "?";
             };
             if (!from)
               all.push_back({fmt::format("{}: added, a {}", name, type(*to))});
             else if (!to)
               all.push_back({fmt::format("{}: removed, a {}", name, type(*from))});
             else if (type(*from) != type(*to))
               all.push_back({fmt::format("{}.type: {} -> {}", name, toml_of(from->find("type")),
                                          toml_of(to->find("type")))});
             else
               add(name, from, to, true);
           });
  return all;
}

}  // namespace twinflow
