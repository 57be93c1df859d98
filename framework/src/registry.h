#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "twinflow/node.h"

namespace twinflow {

/// "image batch or pair batch": what a port may carry, for sentences.
std::string type_list(const std::vector<PortType>& types);

/// The shape of the images on the first of a node's inputs that is fed, stream inputs going first.
std::optional<ImageShape> entering_shape(const NodeInfo& info, const std::vector<FedInput>& fed);

/// All types of this process, by kind ("node", "optimizer", ...) and name. Filled while libraries load; used
/// from the main thread while a graph is checked.
class Registry {
 public:
  static Registry& instance();

  void add(std::unique_ptr<TypeInfo> info);
  /// Loads the library that offers the type, if there is one and it is not loaded. nullptr when nobody offers
  /// it.
  const TypeInfo* find(std::string_view kind, std::string_view type);
  const NodeInfo* find_node(std::string_view type);
  /// The same while a graph is checked. When nobody offers the type, its library cannot be loaded or no
  /// object be made, that is an error at `place`, and nullptr is returned.
  const TypeInfo* find_or_report(std::string_view kind, std::string_view type, const Place& place,
                                 Problems& problems);
  /// Names of that kind: of loaded types and of those that libraries not loaded offer. Sorted.
  std::vector<std::string> names(std::string_view kind) const;
  std::vector<const TypeInfo*> loaded();
  /// "there is no layer 'cnov'; did you mean 'conv'?", and where plugins were looked for.
  std::string unknown_type(std::string_view kind, std::string_view type) const;

  /// Set by the plugin index: loads the library of a type (false: nobody offers it), lists what could be
  /// loaded, and says where it looked and what it refused, as lines that continue a message.
  std::function<bool(std::string_view kind, std::string_view type)> load;
  std::function<std::vector<std::string>(std::string_view kind)> offered;
  std::function<std::string()> search_notes;
  std::string loading;               // the file being loaded,
  const Place* wanted_at = nullptr;  // and the place in a graph that it is for
  std::string registration_failure;  // of a type that could not describe itself or was there already

 private:
  /// Asks a fresh object. Not while libraries register their types: an object may need others that are not
  /// there yet.
  static void read_defaults(TypeInfo& info);

  std::map<std::pair<std::string, std::string>, std::unique_ptr<TypeInfo>> types_;
};

}  // namespace twinflow
