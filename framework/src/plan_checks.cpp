#include "plan_checks.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "plugin_code.h"
#include "registry.h"
#include "run_files.h"
#include "twinflow/text.h"

namespace twinflow {

std::string listing(const std::string& what, const std::vector<std::string>& names) {
  return names.empty() ? fmt::format(" (it has no {})", what)
                       : fmt::format(" ({}: {})", what, some_of(names));
}

namespace {

/// check_code() for a node that is made; one that has thrown is not sound.
template <class Code>
void check_node(Plan::PlannedNode& node, Problems& problems, Code&& code) {
  node.sound &= check_code(node.name, *node.info, node.place, problems, code);
}

/// What each node measures, and the maps it sends images of its own through.
void gather(Plan& plan, Problems& problems) {
  for (Plan::PlannedNode& node : plan.nodes) {
    if (!node.info) continue;
    node.metrics = node.info->metrics;
    if (node.sound && node.info->more_metrics)
      check_node(node, problems, [&] {
        for (MetricInfo& one : node.info->more_metrics(*node.node)) node.metrics.push_back(std::move(one));
      });
    for (std::size_t input = 0; input < node.info->inputs.size(); ++input) {
      if (!node.info->inputs[input].bind_passage) continue;
      Passage passage;
      for (const auto& [fed, link] : node.inputs)
        if (const Plan::PlannedNode& from = plan.nodes[link.node]; fed == input && from.info)
          passage.add({from.name, from.info, from.node});
      node.info->inputs[input].bind_passage(*node.node, std::move(passage));
    }
  }
}

void check_port_types(Plan& plan, Problems& problems) {
  for (Plan::PlannedNode& node : plan.nodes) {
    if (!node.info) continue;
    std::optional<PortType> streamed;
    if (!node.sound) streamed = PortType();  // of no type: what is wrong above is not reported again below
    for (const auto& [input, link] : node.inputs) {
      PortType given =
          plan.nodes[link.node].info ? plan.nodes[link.node].output_types[link.output] : PortType();
      const InputInfo& port = node.info->inputs[input];
      if (port.bind_passage) continue;  // no value comes here
      if (given != PortType() && std::find(port.types.begin(), port.types.end(), given) == port.types.end()) {
        node.sound = false;
        problems.error(link.place, fmt::format("'{}' gives {}, but the input '{}' of {} takes {}",
                                               plan.nodes[link.node].name, given.name, port.name,
                                               node.info->type, type_list(port.types)));
        given = PortType();
      }
      if (port.streamed()) streamed = given;
    }
    for (const OutputInfo& output : node.info->outputs)
      node.output_types.push_back(output.types.size() > 1 && streamed ? *streamed : output.types.front());
  }
}

/// Every watched metric is one that a node feeding the watcher produces; a listener that nothing feeds may
/// watch what any node reports.
void check_metrics(Plan& plan, Problems& problems) {
  std::vector<std::string> all_known;  // of all nodes, for those that hear them
  std::map<std::string, Better> all_measured;
  for (const Plan::PlannedNode& one : plan.nodes)
    for (const MetricInfo& metric : one.metrics) {
      all_known.push_back(one.name + "." + metric.name);
      all_measured[all_known.back()] = metric.better;
    }
  for (Plan::PlannedNode& node : plan.nodes) {
    const auto unsound = [&](const auto& input) { return !plan.nodes[input.second.node].sound; };
    if (!node.sound || !node.info->watched) continue;
    if (std::any_of(node.inputs.begin(), node.inputs.end(), unsound)) {
      node.sound = false;  // what is measured, and which way is better, may follow from what is wrong there
      continue;
    }
    std::vector<std::string> fed_known;
    std::map<std::string, Better> fed_measured;  // also with who measures them
    for (const auto& [input, link] : node.inputs)
      for (const MetricInfo& metric : plan.nodes[link.node].metrics) {
        fed_known.push_back(metric.name);
        fed_measured[metric.name] = fed_measured[plan.nodes[link.node].name + "." + metric.name] =
            metric.better;
      }
    const bool hears = node.info->hear && node.inputs.empty();
    const std::vector<std::string>& known = hears ? all_known : fed_known;
    const std::map<std::string, Better>& measured = hears ? all_measured : fed_measured;
    std::vector<Better> ways;
    std::vector<std::string> watched;
    check_node(node, problems, [&] { watched = node.info->watched(*node.node); });
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (measured.contains(watched[i])) {
        ways.push_back(measured.at(watched[i]));
        continue;
      }
      node.sound = false;
      const Value* written = node.table.find(node.info->metric_param);
      const auto* list = written ? written->get<Value::List>() : nullptr;
      problems.error(list      ? list->at(i).place
                     : written ? written->place
                               : node.place,
                     fmt::format("{} '{}'{}{}",
                                 hears ? fmt::format("nothing feeds '{}', and no node reports", node.name)
                                       : fmt::format("no node that feeds '{}' measures", node.name),
                                 watched[i], suggests(problems) ? did_you_mean(watched[i], known) : "",
                                 listing("metrics", known)));
    }
    if (node.sound) check_node(node, problems, [&] { node.info->watch(*node.node, ways); });
  }
}

/// Each name on the control board has one publisher.
void check_board(const Plan& plan, Problems& problems) {
  std::map<std::string, std::string> publishers;
  for (const Plan::PlannedNode& node : plan.nodes) {
    if (!node.info) continue;
    for (const BoardInfo& one : node.info->publishes) {
      const auto [first, fresh] = publishers.try_emplace(one.name, node.name);
      if (!fresh)
        problems.error(node.place, fmt::format("'{}' is published by '{}' and by '{}': only one node can",
                                               one.name, first->second, node.name));
    }
  }
}

/// What the progress is to show is a metric of a node.
void check_progress(const Plan& plan, Problems& problems) {
  if (plan.run.progress.empty()) return;
  std::vector<std::string> known;
  for (const Plan::PlannedNode& node : plan.nodes)
    for (const MetricInfo& metric : node.metrics) known.push_back(node.name + "." + metric.name);
  const std::set<std::string> measured(known.begin(), known.end());
  const auto* written = plan.graph.find("run")->find("progress")->get<Value::List>();
  for (std::size_t i = 0; i < plan.run.progress.size(); ++i)
    if (const std::string& wanted = plan.run.progress[i]; !measured.contains(wanted))
      problems.error((*written)[i].place, fmt::format("no node measures '{}'{}{}", wanted,
                                                      suggests(problems) ? did_you_mean(wanted, known) : "",
                                                      listing("metrics", known)));
}

/// The checks of the nodes' own, and the shapes of images from node to node. Of what is wrong no shape is
/// known, so that nobody below reports it again.
void check_nodes(Plan& plan, Problems& problems) {
  constexpr std::size_t most_prepared = 100;  // the list of them goes from node to node
  std::map<std::string, std::string> types;
  for (const Plan::PlannedNode& node : plan.nodes)
    if (node.info) types.emplace(node.name, node.info->type);
  for (Plan::PlannedNode& node : plan.nodes) {
    if (!node.sound) continue;
    std::vector<FedInput> fed;
    for (const auto& [input, link] : node.inputs) {
      const Plan::PlannedNode& from = plan.nodes[link.node];
      fed.push_back({node.info->inputs[input].name, from.output_types[link.output].type, from.image_shape,
                     from.prepared_by});
    }
    if (node.info->prepared && !fed.empty()) {
      std::string by;
      for (const std::string& name : fed.front().prepared_by)
        by += fmt::format("{}{} ({})", by.empty() ? "" : ", ", name, types.at(name));
      node.info->prepared(*node.node, std::move(by));
    }
    const std::size_t before = problems.size();
    check_node(node, problems, [&] {
      if (node.info->check)
        node.info->check(node.node.get(),
                         Checking(node.table, node.place, problems, fed, plan.run.open_ended()));
      if (problems.size() != before) {
        node.sound = false;
        return;
      }
      node.image_shape = leaving_shape(*node.info, *node.node, fed);
      for (const auto& [input, link] : node.inputs)
        if (node.info->inputs[input].streamed() && node.prepared_by.empty())
          node.prepared_by = plan.nodes[link.node].prepared_by;
      if (!node.info->prepares || !node.info->prepares(*node.node)) return;
      if (node.prepared_by.size() == most_prepared)  // with one more, below, it is not reported again
        problems.error(node.place,
                       fmt::format("more than {} nodes prepare the images one after another", most_prepared));
      if (node.prepared_by.size() <= most_prepared) node.prepared_by.push_back(node.name);
    });
  }
}

void check_source(const Plan& plan, Problems& problems) {
  for (const Plan::PlannedNode& node : plan.nodes)
    if (node.info->shape == NodeInfo::Shape::source) return;
  problems.error(plan.graph.find("node")->place,
                 "this graph has no source: no node that makes a stream, such as sample.classes");
}

/// A node that works for nobody is allowed, but hardly meant. One that reports metrics works for the record.
void warn_of_unused(const Plan& plan, Problems& problems) {
  std::set<std::size_t> used;
  for (const Plan::PlannedNode& node : plan.nodes)
    for (const auto& [input, link] : node.inputs) used.insert(link.node);
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Plan::PlannedNode& node = plan.nodes[i];
    if (node.info && !node.info->outputs.empty() && node.metrics.empty() && !used.contains(i))
      problems.warning(node.place, fmt::format("nobody uses what '{}' gives out{}", node.name,
                                               listing("outputs", port_names(node.info->outputs))));
  }
}

}  // namespace

void check_plan(Plan& plan, Problems& problems) {
  gather(plan, problems);
  check_port_types(plan, problems);
  check_metrics(plan, problems);
  check_board(plan, problems);
  check_progress(plan, problems);
  check_nodes(plan, problems);
  check_run_files(plan, problems);
  check_batches(plan, problems);
  if (problems.empty()) check_source(plan, problems);
  if (problems.empty()) warn_of_unused(plan, problems);
}

}  // namespace twinflow
