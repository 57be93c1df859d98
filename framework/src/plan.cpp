#include "plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "graph_file.h"
#include "plan_checks.h"
#include "plugin_code.h"
#include "plugins.h"
#include "registry.h"
#include "start_files.h"
#include "toml_limits.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

/// Checks a graph and turns it into a plan, one pass a concern. Errors are collected; a node that is wrong in
/// one way is still looked at in the others as far as that makes sense.
class Checker {
 public:
  Checker(Value graph, Problems& problems) : problems_(problems) { plan_.graph = std::move(graph); }

  Plan plan(bool starts) {
    check_tables();
    read_run();
    make_nodes();
    wire();
    sort_upstream_first();
    check_plan(plan_, problems_);
    if (starts) check_start_files(plan_, problems_);
    if (problems_.empty()) resolve();
    return std::move(plan_);
  }

 private:
  /// A `from` entry: which input, written where, fed by what.
  struct Feed {
    std::string input;  // "" = the only one that must be fed
    std::string source;
    Place place;
  };

  void check_tables() {
    for (const auto& entry : *plan_.graph.get<Value::Table>()) {
      if (entry.key != "run" && entry.key != "node")
        problems_.error(entry.place,
                        fmt::format("a graph file has the tables [run] and [node.NAME], not '{}'{}",
                                    shown(entry.key), did_you_mean(entry.key, {"run", "node"})));
      else if (!entry.value.get<Value::Table>())
        problems_.error(entry.place,
                        fmt::format("'{}' is a table, not {}", entry.key, entry.value.type_text()));
    }
    const Value* nodes = plan_.graph.find("node");
    if (problems_.empty() && (!nodes || nodes->get<Value::Table>()->empty()))
      problems_.error(nodes ? nodes->place : plan_.graph.place, "this graph has no node");
  }

  void read_run() {
    const Value* run = plan_.graph.find("run");
    if (!run) return;
    bind_parameters(table_info<RunSettings>(), &plan_.run, *run, run->place, {}, problems_);
    for (std::size_t i = 0; i < plan_.run.plugins.size(); ++i) {
      try {
        PluginIndex::instance().add(plan_.run.plugins[i]);
      } catch (const std::exception& error) {
        problems_.error((*run->find("plugins")->get<Value::List>())[i].place, error.what());
      }
    }
  }

  void make_nodes() {
    const Value* nodes = plan_.graph.find("node");
    if (!nodes || !nodes->get<Value::Table>()) return;
    for (const auto& entry : *nodes->get<Value::Table>()) {
      const Value& table = entry.value;
      Plan::PlannedNode& made = plan_.nodes.emplace_back();
      made.name = entry.key;
      places_.emplace(made.name, plan_.nodes.size() - 1);
      made.place = table.place;
      const bool plain =
          entry.key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
          std::string::npos;
      if (!table.get<Value::Table>()) {
        problems_.error(entry.place, fmt::format("a node is a table: [node.{}]", shown(entry.key)));
      } else if (!plain || entry.key.empty() || entry.key == "run") {
        problems_.error(
            entry.place,
            fmt::format(
                "a node cannot be called '{}': letters, digits, '_' and '-' make a name, and 'run' is taken",
                shown(entry.key)));
      } else {
        made.info = find_type(entry.key, table);
      }
      if (made.info) {
        const std::size_t before = problems_.size();
        check_code(made.name, *made.info, table.place, problems_, [&] {  // constructors should not fail
          made.node = std::static_pointer_cast<Node>(made.info->make());
          bind_parameters(*made.info, made.node.get(), table, table.place, {"type", "from"}, problems_);
        });
        if (!made.node) {
          made.info = nullptr;
          continue;
        }
        made.sound = problems_.size() == before;
      }
      made.table = table;
    }
  }

  const NodeInfo* find_type(const std::string& name, const Value& table) {
    const Value* type = table.find("type");
    if (!type) {
      problems_.error(table.place,
                      fmt::format("node '{}' needs a type, such as type = \"data.glyphs\"", name));
      return nullptr;
    }
    const auto* typed = type->get<std::string>();
    if (!typed) {
      problems_.error(type->place,
                      fmt::format("expected the name of a node type, found {}", type->type_text()));
      return nullptr;
    }
    return static_cast<const NodeInfo*>(
        Registry::instance().find_or_report(Node::family, *typed, type->place, problems_));
  }

  std::vector<Feed> read_from(const Plan::PlannedNode& node, const Value& table) {
    std::vector<Feed> feeds;
    const Value* from = table.find("from");
    if (!from) return feeds;
    if (const auto* source = from->get<std::string>()) return {{"", *source, from->place}};
    const auto* map = from->get<Value::Table>();
    if (!map) {
      problems_.error(
          from->place,
          fmt::format("'from' is the name of a node, \"node.port\", or {{ input = \"node\" }}, not {}",
                      from->type_text()));
      return feeds;
    }
    for (const auto& entry : *map) {
      const auto* source = entry.value.get<std::string>();
      const auto inputs = port_names(node.info->inputs);
      const auto input = std::find(inputs.begin(), inputs.end(), entry.key);
      const auto* several = entry.value.get<Value::List>();
      if (several && input != inputs.end() && node.info->inputs[input - inputs.begin()].bind_passage) {
        for (const Value& one : *several)
          if (const auto* name = one.get<std::string>())
            feeds.push_back({entry.key, *name, one.place});
          else
            problems_.error(one.place, fmt::format("expected the name of a node, found {}", one.type_text()));
      } else if (!source)
        problems_.error(entry.value.place,
                        fmt::format("expected \"node\" or \"node.port\", found {}", entry.value.type_text()));
      else if (input == inputs.end())
        problems_.error(entry.place,
                        fmt::format("{} has no input '{}'{}{}", node.info->type, shown(entry.key),
                                    did_you_mean(entry.key, inputs), listing("inputs", inputs)));
      else
        feeds.push_back({entry.key, *source, entry.value.place});
    }
    return feeds;
  }

  void wire() {
    for (Plan::PlannedNode& node : plan_.nodes) {
      if (!node.info) continue;
      const std::size_t before = problems_.size();
      for (const Feed& feed : read_from(node, node.table)) wire_one(node, feed);
      if (problems_.size() != before) {
        node.sound = false;
        continue;  // what is missing may be what was misspelt
      }
      for (std::size_t input = 0; input < node.info->inputs.size(); ++input) {
        const bool fed = std::any_of(node.inputs.begin(), node.inputs.end(),
                                     [&](const auto& one) { return one.first == input; });
        const InputInfo& port = node.info->inputs[input];
        if (fed || port.optional) continue;
        node.sound = false;
        problems_.error(node.place,
                        fmt::format("{} '{}' needs something on its input '{}' ({}): say it with 'from'",
                                    node.info->type, node.name, port.name, type_list(port.types)));
      }
    }
  }

  /// A batch of images alone makes it work, and comes out of it.
  static bool takes_images(const NodeInfo& info) {
    const auto with_images = [](const std::vector<PortType>& types) {
      return std::find(types.begin(), types.end(), port_types<ImageBatch>()[0]) != types.end();
    };
    std::vector<const InputInfo*> streamed;
    for (const InputInfo& port : info.inputs)
      if (port.streamed()) streamed.push_back(&port);
    return with_images(info.outputs[0].types) && with_images(streamed[0]->types) &&
           std::all_of(streamed.begin() + 1, streamed.end(), [](const auto* port) { return port->optional; });
  }

  std::string no_node(const std::string& name) const {
    std::string suggestion;
    if (suggests(problems_)) {
      std::vector<std::string> names;
      for (const Plan::PlannedNode& node : plan_.nodes) names.push_back(node.name);
      suggestion = did_you_mean(name, names);
    }
    return fmt::format("there is no node '{}'{}", shown(name), suggestion);
  }

  void wire_one(Plan::PlannedNode& node, const Feed& feed) {
    const auto& inputs = node.info->inputs;
    std::size_t input = 0;
    if (!feed.input.empty()) {
      while (inputs[input].name != feed.input) ++input;
    } else if (const auto unnamed = unnamed_input(inputs)) {
      input = *unnamed;
    } else {
      return problems_.error(
          feed.place, inputs.empty()
                          ? fmt::format("{} has no inputs", node.info->type)
                          : fmt::format("{} has several inputs: write from = {{ {} = \"...\" }}",
                                        node.info->type, fmt::join(port_names(inputs), " = \"...\", ")));
    }
    const auto dot = feed.source.find('.');
    const std::string source_name = feed.source.substr(0, dot);
    const auto found = places_.find(source_name);
    if (found == places_.end()) return problems_.error(feed.place, no_node(source_name));
    const std::size_t source = found->second;
    const NodeInfo* info = plan_.nodes[source].info;
    if (!info) {  // reported at its own place; what it would feed is not missing
      node.sound = false;
      node.inputs.push_back({input, {source, 0, feed.place}});
      return;
    }
    const auto outputs = port_names(info->outputs);
    const auto meant = [](const OutputInfo& port) { return !port.aside; };  // by the node's name alone
    std::size_t output =
        std::find_if(info->outputs.begin(), info->outputs.end(), meant) - info->outputs.begin();
    if (dot != std::string::npos) {
      const std::string port = feed.source.substr(dot + 1);
      output = std::find(outputs.begin(), outputs.end(), port) - outputs.begin();
      if (output == outputs.size())
        return problems_.error(
            feed.place, fmt::format("{} '{}' has no output '{}'{}{}", info->type, source_name, shown(port),
                                    did_you_mean(port, outputs), listing("outputs", outputs)));
    } else if (std::count_if(info->outputs.begin(), info->outputs.end(), meant) != 1) {
      return problems_.error(
          feed.place, outputs.empty() ? fmt::format("{} '{}' gives nothing out", info->type, source_name)
                                      : fmt::format("{} '{}' has several outputs: say which{}", info->type,
                                                    source_name, listing("outputs", outputs)));
    }
    const bool constant = static_cast<bool>(info->outputs[output].constant);
    if (inputs[input].bind_passage) {
      if (info->shape != NodeInfo::Shape::map || !takes_images(*info))
        return problems_.error(
            feed.place, fmt::format("'{}' is sent images of its own by '{}', so it has to be a map of image "
                                    "batches, as augment.normalize is; {} is none",
                                    feed.source, node.name, info->type));
      return node.inputs.push_back({input, {source, output, feed.place}});
    }
    if (constant != static_cast<bool>(inputs[input].bind))
      return problems_.error(
          feed.place, fmt::format("'{}' is {}, but the input '{}' of {} takes {}", feed.source,
                                  constant ? "made once" : "a stream", inputs[input].name, node.info->type,
                                  constant ? "a stream" : "what is made once"));
    node.inputs.push_back({input, {source, output, feed.place}});
  }

  /// Where the graph goes round in a circle, the link that closes it is reported and taken out, so that the
  /// rest can still be looked at. The walk keeps its own stack: a chain may be longer than the thread's
  /// holds.
  void sort_upstream_first() {
    constexpr std::size_t unseen = -1, done = -2;  // else where the node stands on the path
    std::vector<std::size_t> state(plan_.nodes.size(), unseen);
    struct Step {
      std::size_t node, input;  // which of its inputs is next
    };
    std::vector<Step> path;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (state[i] == unseen) path.push_back({i, 0}), state[i] = 0;
      while (!path.empty()) {
        Step& step = path.back();
        auto& inputs = plan_.nodes[step.node].inputs;
        if (step.input == inputs.size()) {
          state[step.node] = done;
          order.push_back(step.node);
          path.pop_back();
          continue;
        }
        const std::size_t above = inputs[step.input].second.node;
        if (state[above] == done) {
          ++step.input;
        } else if (state[above] == unseen) {
          state[above] = path.size();
          path.push_back({above, 0});
        } else {
          constexpr std::size_t most_named = 20;
          std::string loop = plan_.nodes[above].name;  // downstream
          std::size_t at = path.size() - 1;
          for (; at > state[above] && path.size() - at <= most_named; --at)
            loop += " -> " + plan_.nodes[path[at].node].name;
          if (at > state[above]) loop += " -> ...";
          problems_.error(plan_.nodes[above].place, fmt::format("the graph goes round in a circle: {} -> {}",
                                                                loop, plan_.nodes[above].name));
          plan_.nodes[step.node].sound = false;
          inputs.erase(inputs.begin() + static_cast<std::ptrdiff_t>(step.input));
        }
      }
    }

    std::vector<std::size_t> new_index(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) new_index[order[i]] = i;
    std::vector<Plan::PlannedNode> nodes;
    for (const std::size_t old : order) {
      nodes.push_back(std::move(plan_.nodes[old]));
      for (auto& [input, link] : nodes.back().inputs) link.node = new_index[link.node];
    }
    plan_.nodes = std::move(nodes);
  }

  /// The graph as it runs: overrides and defaults written out, so that later versions' defaults change
  /// nothing.
  void resolve() {
    const auto write = [this](const TypeInfo& info, const void* object) {
      for (const ParamInfo& param : info.params)
        if (const std::string text = param.text(object); !text.empty())
          plan_.resolved_toml += fmt::format("{} = {}\n", param.key, text);
    };
    plan_.resolved_toml = "[run]\n";
    write(table_info<RunSettings>(), &plan_.run);
    for (const Plan::PlannedNode& node : plan_.nodes) {
      plan_.resolved_toml +=
          fmt::format("\n[node.{}]\ntype = {}\n", node.name, ParamType<std::string>::text(node.info->type));
      if (const Value* from = node.table.find("from"))
        plan_.resolved_toml += fmt::format("from = {}\n", to_toml(*from));
      check_code(node.name, *node.info, node.place, problems_, [&] { write(*node.info, node.node.get()); });
    }
    Problems beyond;
    check_toml_limits(plan_.resolved_toml, nullptr, beyond);
    if (!beyond.empty())
      problems_.error(
          plan_.graph.place,
          fmt::format("a run saves the graph with all defaults written out, and that is too large: {}",
                      beyond.list().front().message));
  }

  Problems& problems_;
  Plan plan_;
  std::map<std::string, std::size_t> places_;  // of the nodes in plan_, by their names
};

}  // namespace

namespace {

Plan checked(Value graph, const std::filesystem::path& file, const std::vector<std::string>& overrides,
             Problems& problems, bool starts) {
  if (!problems.empty()) return {};
  for (const std::string& one : overrides) apply_override(graph, one, problems);
  Plan plan = Checker(std::move(graph), problems).plan(starts);
  if (!problems.empty()) return {};
  plan.graph_name = file.stem().string();
  return plan;
}

}  // namespace

std::optional<std::size_t> unnamed_input(const std::deque<InputInfo>& inputs) {
  if (inputs.size() == 1) return 0;  // needed or not
  const auto needed = [](const InputInfo& port) { return !port.optional; };
  if (std::count_if(inputs.begin(), inputs.end(), needed) != 1) return std::nullopt;
  return std::find_if(inputs.begin(), inputs.end(), needed) - inputs.begin();
}

Plan make_plan(const std::filesystem::path& file, const std::vector<std::string>& overrides,
               Problems& problems, bool starts) {
  PluginIndex::instance();
  Plan plan = checked(load_graph_file(file, problems), file, overrides, problems, starts);
  plan.graph_file = std::filesystem::absolute(file);
  return plan;
}

Plan make_saved_plan(const std::string& graph, const std::filesystem::path& file,
                     const std::vector<std::string>& overrides, Problems& problems) {
  PluginIndex::instance();
  const std::string folder = std::filesystem::absolute(file).parent_path().string();
  return checked(parse_toml(graph, file.string(), folder, problems), file, overrides, problems, false);
}

}  // namespace twinflow
