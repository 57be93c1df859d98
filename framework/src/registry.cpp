#include "registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "aliases.h"
#include "plugin_code.h"
#include "twinflow/text.h"

namespace twinflow {

Error::~Error() = default;
Run::~Run() = default;
Node::~Node() = default;

std::string type_list(const std::vector<PortType>& types) {
  std::string all;
  for (const PortType& one : types) all += (all.empty() ? "" : " or ") + one.name;
  return all;
}

void refuse_value(const char* port_type, const std::string& output, const char* why) {
  throw Error(fmt::format("what it gives out{} ({}) is invalid: {}",
                          output.empty() ? "" : fmt::format(" on '{}'", output), port_type, why));
}

std::optional<ImageShape> entering_shape(const NodeInfo& info, const std::vector<FedInput>& fed) {
  const FedInput* first = nullptr;
  for (const InputInfo& port : info.inputs)
    for (const FedInput& one : fed)
      if (!first && one.input == port.name) first = &one;
  return first ? first->image_shape : std::nullopt;
}

std::optional<ImageShape> leaving_shape(const NodeInfo& info, const Node& node,
                                        const std::vector<FedInput>& fed) {
  const std::optional<ImageShape> shape = entering_shape(info, fed);
  return info.image_shape ? info.image_shape(node, shape) : shape;
}

Registry& Registry::instance() {
  static Registry registry;
  return registry;
}

void Registry::add(std::unique_ptr<TypeInfo> info) {
  info->library = loading;
  auto key = std::pair(info->kind, info->type);
  auto [old, added] = types_.try_emplace(key, std::move(info));
  if (!added)
    throw Error(fmt::format("{} '{}' is offered twice: by {} and by {}", key.first, key.second,
                            old->second->library.empty() ? "the program" : old->second->library,
                            loading.empty() ? "the program" : loading));
}

void Registry::read_defaults(TypeInfo& info) {
  if (info.defaults_read) return;
  info.defaults_read = true;  // at once: a component may hold others
  const InCodeOf here("", info);
  try {
    const std::shared_ptr<void> fresh = info.make();
    for (ParamInfo& param : info.params)
      if (!param.required) param.default_text = param.text(fresh.get());
  } catch (...) {
    info.defaults_read = false;
    throw Error(fmt::format("{} cannot be made: {}", code_owner("", info), exception_text()));
  }
}

const TypeInfo* Registry::find(std::string_view kind, std::string_view type) {
  if (loading.empty() && !registration_failure.empty()) throw Error(registration_failure);
  const auto key = std::pair(std::string(kind), std::string(type));
  auto found = types_.find(key);
  if (found == types_.end() && load && load(kind, type)) found = types_.find(key);
  if (found == types_.end()) return nullptr;
  read_defaults(*found->second);
  return found->second.get();
}

const NodeInfo* Registry::find_node(std::string_view type) {
  return static_cast<const NodeInfo*>(find(Node::family, type));
}

const TypeInfo* Registry::find_or_report(std::string_view kind, std::string_view type, const Place& place,
                                         Problems& problems) {
  const Place* const outer = std::exchange(wanted_at, &place);
  const TypeInfo* found = nullptr;
  std::string why;
  try {
    found = find(kind, type);
    if (!found) why = unknown_type(kind, type);
  } catch (const Error& error) {
    why = error.what();
  }
  wanted_at = outer;
  if (!found) problems.error(place, why);
  return found;
}

std::vector<std::string> Registry::names(std::string_view kind) const {
  std::vector<std::string> all = offered ? offered(kind) : std::vector<std::string>();
  for (const auto& [key, info] : types_)
    if (key.first == kind) all.push_back(key.second);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<const TypeInfo*> Registry::loaded() {
  std::vector<const TypeInfo*> all;
  for (const auto& [key, info] : types_) {
    read_defaults(*info);
    all.push_back(info.get());
  }
  return all;
}

std::string Registry::unknown_type(std::string_view kind, std::string_view type) const {
  const bool is_node = kind == Node::family;
  const std::vector<std::string> known = names(kind);
  const std::string alias = alias_of(kind, type);
  const std::string suggestion = std::find(known.begin(), known.end(), alias) != known.end()
                                     ? fmt::format("; did you mean '{}'?", alias)
                                     : did_you_mean(type, known);
  const std::string list =
      is_node || known.empty() ? "" : fmt::format(" (there are: {})", some_of(known, 50));
  return fmt::format("there is no {}{} '{}'{}{}{}", kind, is_node ? " type" : "", shown(type), suggestion,
                     list, search_notes ? search_notes() : "");
}

namespace {

/// A type says what it is; its parameters can be told apart from each other and from what every table has.
void check_description(const TypeInfo& info) {
  if (info.summary.empty())
    throw Error("it has no summary; describe() has to call spec.summary(\"What it does, in a sentence.\")");
  for (const ParamInfo& param : info.params) {
    if (param.key.empty()) throw Error("a parameter has an empty name");
    if (param.key == "type" || param.key == "from")
      throw Error(fmt::format("a parameter cannot be called '{}'", param.key));
    if (info.find(param.key) != &param) throw Error(fmt::format("it has two parameters '{}'", param.key));
  }
}

}  // namespace

void register_type(std::unique_ptr<TypeInfo> info, const std::function<void(TypeInfo&)>& describe) {
  const std::string who = info->kind + " '" + info->type + "': ";
  try {
    describe(*info);
    check_description(*info);
    Registry::instance().add(std::move(info));
  } catch (...) {  // static initialisers run this: no exception may leave it
    Registry::instance().registration_failure = who + exception_text();
  }
}

}  // namespace twinflow
