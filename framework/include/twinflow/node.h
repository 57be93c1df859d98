#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <typeindex>
#include <utility>
#include <variant>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/metrics.h"
#include "twinflow/random.h"
#include "twinflow/spec.h"

/// The life of a node:
///
///   1. Constructed, and its parameters bound, while the graph is checked: no files, no work, nothing that
///   can fail.
///   2. open(), once, upstream nodes first, on the main thread inside the arena. Constant inputs are bound
///   before it;
///      constant outputs are asked for after it, each at most once and only if some node uses it. run() is
///      valid from here.
///   3. The stream. Source::make and Map::apply are const: they run in parallel, on any thread of the arena,
///   several at
///      once on one object. Stateful::process keeps state: one item at a time, in item order, on any thread.
///   4. finish_epoch(), once an epoch, upstream nodes first, on the main thread, while no item is under way.
///   What a node
///      emits here has flowed through the whole graph before the next node's finish_epoch() is called.
///   5. close(), once for every node that was opened, upstream nodes first, whatever ended the run.
///
/// An exception from any of them ends the run, with exit code 1, naming the node, its type and its line.
/// A body may use tbb::parallel_for: the threads of the arena are the run's, no others should be started.
namespace twinflow {

/// One message of the stream.
struct Item {
  std::uint64_t epoch = 0;  // from 0
  std::uint64_t index = 0;  // within the epoch, from 0
  std::uint64_t step = 0;   // over the whole run, from 0
};

/// What a node may know and ask of the run. All calls are safe from any thread.
class Run {
 public:
  virtual ~Run();

  virtual std::uint64_t seed() const = 0;
  virtual std::uint64_t epochs() const = 0;
  virtual std::uint64_t steps_per_epoch() const = 0;
  virtual int threads() const = 0;
  /// Where the run writes. It exists once all nodes are open: not yet in open().
  virtual const std::filesystem::path& directory() const = 0;

  /// Named numbers of a node, for metrics.jsonl, the progress line and result.json.
  virtual void report(std::string_view node, const Item& item, const Numbers& values) = 0;
  /// A line for people: on the terminal and in log.txt.
  virtual void say(const std::string& line) = 0;
  /// Ends the run at the end of this epoch; the first reason given is the one reported.
  virtual void stop(std::string reason) = 0;
};

class Node {
 public:
  using Base = Node;
  static constexpr const char* family = "node";

  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node();

  virtual void open() {}
  virtual void close() {}

 protected:
  const std::string& name() const { return name_; }
  Run& run() const { return *run_; }
  /// This node's own stream of random numbers for that item. Two purposes never share numbers.
  Random random(const Item& item, std::string_view purpose) const {
    return Random(stream_key(run_->seed(), name_, purpose), item.epoch, item.index);
  }
  void report(const Item& item, const Numbers& values) const { run_->report(name_, item, values); }

 private:
  friend class NodeAccess;
  std::string name_;
  Run* run_ = nullptr;
};

/// Sets what every node has before open(). For the runtime and for test harnesses.
class NodeAccess {
 public:
  static void attach(Node& node, std::string name, Run& run) {
    node.name_ = std::move(name);
    node.run_ = &run;
  }
};

/// Several stream inputs, as the In of a Map or Stateful: joined by item, given as a tuple. A std::optional
/// element is an input that need not be connected. Every connected input has to get every item.
template <class... T>
using Inputs = std::tuple<T...>;

/// Makes the items of a stream: a pure function of the item.
template <class Out>
class Source : public Node {
 public:
  virtual Out make(const Item& item) const = 0;
};

/// Turns each item into another. Items may be worked on in any order; they leave in order.
template <class In, class Out>
class Map : public Node {
 public:
  virtual Out apply(In input, const Item& item) const = 0;
};

/// Keeps state from item to item; may emit through Output members.
template <class In>
class Stateful : public Node {
 public:
  virtual void process(In input, const Item& item) = 0;
  /// `last`: the last item of the epoch; its index and step count the items that there were.
  virtual void finish_epoch(const Item& last) { (void)last; }
};

/// A sink is a stateful node that declares no output.
template <class In>
using Sink = Stateful<In>;

/// A node beside the stream: it only has constant outputs.
class Constants : public Node {};

/// A value of any port type. Cheap to copy; the value is shared.
struct Parcel {
  std::shared_ptr<void> value;
  std::type_index type = typeid(void);
  bool sole = false;  // nobody else reads the value: take() may move it out

  template <class T>
  static Parcel pack(T value) {
    if constexpr (requires { std::variant_size<T>::value; }) {
      return std::visit([](auto&& one) { return pack(std::move(one)); }, std::move(value));
    } else {
      return {std::make_shared<T>(std::move(value)), typeid(T), false};
    }
  }
  template <class T>
  T take() const {
    if constexpr (requires { std::variant_size<T>::value; }) {
      return take_alternative<T>(std::make_index_sequence<std::variant_size_v<T>>());
    } else {
      T& held = *static_cast<T*>(value.get());
      return sole ? T(std::move(held)) : T(held);
    }
  }

 private:
  template <class V, std::size_t... I>
  V take_alternative(std::index_sequence<I...>) const {
    std::optional<V> made;
    (void)((type == typeid(std::variant_alternative_t<I, V>) &&
            (made.emplace(take<std::variant_alternative_t<I, V>>()), true)) ||
           ...);
    if (!made) throw Error("a value of the wrong type arrived at a port");  // the graph check prevents it
    return std::move(*made);
  }
};

/// An output of a stateful node: emit() from process() or finish_epoch(). Not from other threads.
template <class T>
class Output {
 public:
  void emit(T value, const Item& item) const {
    if (send) send(Parcel::pack(std::move(value)), item);
  }
  /// Set by the runtime when somebody listens.
  std::function<void(Parcel, const Item&)> send;
  bool used() const { return static_cast<bool>(send); }
};

struct PortType {
  std::string name;
  std::type_index type = typeid(void);
  bool operator==(const PortType& other) const { return type == other.type; }
};

template <class T>
std::vector<PortType> port_types() {
  if constexpr (requires { std::variant_size<T>::value; }) {
    return []<class... One>(std::variant<One...>*) {
      return std::vector<PortType>{PortType{One::port_type, typeid(One)}...};
    }(static_cast<T*>(nullptr));
  } else {
    return {{T::port_type, typeid(T)}};
  }
}

struct InputInfo;
/// The stream inputs that an In stands for, and how to take it from what arrived on them (in the order
/// declared; an input that is not connected has an empty parcel).
template <class In>
struct StreamInputs {
  static void declare(std::vector<InputInfo>& ports) { add(ports, port_types<In>(), false); }
  static In take(const std::vector<Parcel>& parcels) { return parcels[0].take<In>(); }
  static void add(std::vector<InputInfo>& ports, std::vector<PortType> types, bool optional);
};
template <class... T>
struct StreamInputs<std::tuple<T...>> {
  template <class One>
  struct Element {
    using type = One;
    static constexpr bool optional = false;
  };
  template <class One>
  struct Element<std::optional<One>> {
    using type = One;
    static constexpr bool optional = true;
  };
  static void declare(std::vector<InputInfo>& ports) {
    (StreamInputs<void*>::add(ports, port_types<typename Element<T>::type>(), Element<T>::optional), ...);
  }
  static std::tuple<T...> take(const std::vector<Parcel>& parcels) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<T...>(take_one<T>(parcels[I])...);
    }
    (std::index_sequence_for<T...>());
  }
  template <class One>
  static One take_one(const Parcel& parcel) {
    if constexpr (Element<One>::optional) {
      return parcel.value ? One(parcel.take<typename Element<One>::type>()) : std::nullopt;
    } else {
      return parcel.take<One>();
    }
  }
};

struct InputInfo {
  std::string name, doc;
  std::vector<PortType> types;  // any of these
  bool optional = false;
  std::function<void(Node&, const Parcel&)> bind;  // a constant; empty for the stream
};

template <class In>
void StreamInputs<In>::add(std::vector<InputInfo>& ports, std::vector<PortType> types, bool optional) {
  ports.push_back(
      {ports.empty() ? "in" : "in" + std::to_string(ports.size() + 1), "", std::move(types), optional, {}});
}

struct OutputInfo {
  std::string name, doc;
  std::vector<PortType> types;            // several: the kind that the stream input was fed
  std::function<Parcel(Node&)> constant;  // makes it; empty for the stream
  std::function<void(Node&, std::function<void(Parcel, const Item&)>)> connect;  // an Output member
};

struct MetricInfo {
  std::string name, doc;
};

/// A node type, without its C++ types.
struct NodeInfo : TypeInfo {
  enum class Shape { constants, source, map, stateful } shape = Shape::constants;
  std::vector<InputInfo> inputs;
  std::vector<OutputInfo> outputs;
  std::vector<MetricInfo> metrics;  // that it reports, or puts into the Metrics it gives out
  std::string metric_param;  // the parameter that names a metric of an upstream node; "" when there is none

  std::function<Parcel(const Node&, const Item&)> make_item;                          // source
  std::function<Parcel(const Node&, const std::vector<Parcel>&, const Item&)> apply;  // map
  std::function<void(Node&, const std::vector<Parcel>&, const Item&)> process;        // stateful
  std::function<void(Node&, const Item&)> finish_epoch;                               // stateful
};

class PortBuilder {
 public:
  PortBuilder(std::string& doc, bool* optional) : doc_(doc), optional_(optional) {}
  PortBuilder& doc(std::string sentence) { return doc_ = std::move(sentence), *this; }
  PortBuilder& optional() {
    if (optional_) *optional_ = true;
    return *this;
  }

 private:
  std::string& doc_;
  bool* optional_;
};

/// What a node's `describe` fills. The stream ports follow from the base class and are called "in" and "out"
/// unless named here; constants and a stateful node's outputs are bound to members.
template <class Type>
class NodeSpec : public BasicSpec<Type, Node> {
 public:
  explicit NodeSpec(NodeInfo& info) : BasicSpec<Type, Node>(info), node_(info) {
    shape(static_cast<Type*>(nullptr));
  }

  /// Names and documents the next stream input, in the order of the In.
  PortBuilder input(std::string name) {
    InputInfo& port = node_.inputs.at(named_inputs_++);
    port.name = std::move(name);
    return PortBuilder(port.doc, nullptr);
  }
  /// A constant input, bound to `std::shared_ptr<const T> Type::*`.
  template <class T, class Owner>
  PortBuilder input(std::string name, std::shared_ptr<const T> Owner::*member) {
    InputInfo port;
    port.name = std::move(name);
    port.types = port_types<T>();
    port.bind = [member](Node& node, const Parcel& parcel) {
      static_cast<Type&>(node).*member = std::static_pointer_cast<const T>(parcel.value);
    };
    node_.inputs.push_back(std::move(port));
    return PortBuilder(node_.inputs.back().doc, &node_.inputs.back().optional);
  }
  /// Names and documents the stream output of a source or map.
  PortBuilder output(std::string name) {
    OutputInfo& port = node_.outputs.at(0);
    port.name = std::move(name);
    return PortBuilder(port.doc, nullptr);
  }
  /// A constant output, made by `T Type::*()`, called once after open() if the port is used.
  template <class T, class Owner>
  PortBuilder output(std::string name, T (Owner::*make)()) {
    OutputInfo port;
    port.name = std::move(name);
    port.types = port_types<T>();
    port.constant = [make](Node& node) { return Parcel::pack((static_cast<Type&>(node).*make)()); };
    node_.outputs.push_back(std::move(port));
    return PortBuilder(node_.outputs.back().doc, nullptr);
  }
  /// An output of a stateful node.
  template <class T, class Owner>
  PortBuilder output(std::string name, Output<T> Owner::*member) {
    OutputInfo port;
    port.name = std::move(name);
    port.types = port_types<T>();
    port.connect = [member](Node& node, std::function<void(Parcel, const Item&)> send) {
      (static_cast<Type&>(node).*member).send = std::move(send);
    };
    node_.outputs.push_back(std::move(port));
    return PortBuilder(node_.outputs.back().doc, nullptr);
  }

  /// A number that this node reports or measures; monitors may watch it.
  void metric(std::string name, std::string doc) {
    node_.metrics.push_back({std::move(name), std::move(doc)});
  }
  /// The parameter that names a metric which some upstream node must produce.
  void watches(std::string param) { node_.metric_param = std::move(param); }

 private:
  template <class Out>
  void shape(Source<Out>*) {
    node_.shape = NodeInfo::Shape::source;
    node_.outputs.push_back({"out", "", port_types<Out>(), {}, {}});
    node_.make_item = [](const Node& node, const Item& item) {
      return Parcel::pack(static_cast<const Type&>(node).make(item));
    };
  }
  template <class In, class Out>
  void shape(Map<In, Out>*) {
    node_.shape = NodeInfo::Shape::map;
    StreamInputs<In>::declare(node_.inputs);
    node_.outputs.push_back({"out", "", port_types<Out>(), {}, {}});
    node_.apply = [](const Node& node, const std::vector<Parcel>& parcels, const Item& item) {
      return Parcel::pack(static_cast<const Type&>(node).apply(StreamInputs<In>::take(parcels), item));
    };
  }
  template <class In>
  void shape(Stateful<In>*) {
    node_.shape = NodeInfo::Shape::stateful;
    StreamInputs<In>::declare(node_.inputs);
    node_.process = [](Node& node, const std::vector<Parcel>& parcels, const Item& item) {
      static_cast<Type&>(node).process(StreamInputs<In>::take(parcels), item);
    };
    node_.finish_epoch = [](Node& node, const Item& last) { static_cast<Type&>(node).finish_epoch(last); };
  }
  void shape(Constants*) { node_.shape = NodeInfo::Shape::constants; }

  NodeInfo& node_;
  std::size_t named_inputs_ = 0;
};

/// Called by TWINFLOW_NODE when its library is loaded.
template <class Type>
void register_node(std::string type_name) {
  auto info = std::make_unique<NodeInfo>();
  info->kind = Node::family;
  info->type = std::move(type_name);
  info->make = [] { return std::shared_ptr<void>(std::shared_ptr<Node>(std::make_shared<Type>())); };
  register_type(std::move(info), [](TypeInfo& made) {
    NodeSpec<Type> spec(static_cast<NodeInfo&>(made));
    Type::describe(spec);
  });
}

}  // namespace twinflow
