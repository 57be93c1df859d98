#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twinflow/board.h"
#include "twinflow/metrics.h"
#include "twinflow/passage.h"
#include "twinflow/ports.h"
#include "twinflow/random.h"
#include "twinflow/ranks.h"
#include "twinflow/spec.h"
#include "twinflow/state.h"
#include "twinflow/trace.h"

/// The life of a node:
///
/// 1. Constructed, and its parameters bound, while the graph is checked: no files, no work, nothing that can
///    fail.
/// 2. open(), once, upstream nodes first, on the main thread inside the arena. Constant inputs are bound
///    before it; constant outputs are asked for after it, each at most once and only if some node uses it.
///    run() is valid from here.
/// 3. restore(), once, when a run is resumed, after all nodes are open: with what save() gave. It must only
///    read: a run that cannot be resumed, as another node refuses its state, has to stay as it was.
/// 4. The stream. Source::make and Map::apply are const: they run in parallel, on any thread of the arena,
///    several at once on one object. Stateful::process keeps state: one item at a time, in item order, on any
///    thread.
/// 5. finish_epoch(), once an epoch, upstream nodes first, on the main thread, while no item is under way.
///    What a node emits here has flowed through the whole graph before the next node's finish_epoch() is
///    called. A run that a signal or a budget ends in the middle of an epoch does not call it: the epoch goes
///    on when the run is resumed.
/// 6. save(), after an epoch's last finish_epoch(), between two items, or where a signal or a budget ends the
///    run, on the main thread, while no item is under way. May be called any number of times, or never.
/// 7. close(), once for every node that was opened, upstream nodes first, whatever ended the run.
///
/// A resumed run must end in the same bits as one that was never interrupted: save() has to hold all that
/// process() and finish_epoch() change. What a node has written into the run directory may be ahead of the
/// state that restore() brings, since a run can be killed at any time: it has to be cut back, or to be
/// written again as it was.
///
/// An exception from any of them ends the run, with exit code 1, naming the node, its type and its line. So
/// does a value that breaks a rule of its type (`validate`, twinflow/ports.h), and exit(), which a node must
/// not call; _exit() leaves no word and no result.json. A crash, or an exception in a thread of the node's
/// own, ends the process by its signal, after a message that names the node.
/// A body may use tbb::parallel_for: the threads of the arena are the run's, no others should be started. A
/// thread that waits for such a loop may begin another item's body meanwhile, of the same map too: no lock
/// may be held and no thread_local be in use across the loop, unless it runs in
/// tbb::this_task_arena::isolate. A node may outlive the run: its destructor must not call run().
namespace twinflow {

class Folder;  // twinflow/folder.h

constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();

/// What a node may know and ask of the run. All calls are safe from any thread.
class Run {
 public:
  virtual ~Run();

  virtual std::uint64_t seed() const = 0;
  /// `endless` where [run] says epochs = "unlimited".
  virtual std::uint64_t epochs() const = 0;
  /// Known once all nodes are open: not yet in open(), where a source may still have to find its items.
  virtual std::uint64_t steps_per_epoch() const = 0;
  /// How many items the run is meant to have: those of all epochs, or, where these are unlimited, [run]
  /// max_steps; `endless` where neither says it. A budget may end the run before. Known when
  /// steps_per_epoch() is.
  virtual std::uint64_t steps() const { return epochs() == endless ? endless : epochs() * steps_per_epoch(); }
  virtual int threads() const = 0;
  /// The absolute path of the run directory, for messages and for reading. It exists once all nodes are open:
  /// not yet in open(), where the path is empty.
  virtual const std::filesystem::path& directory() const = 0;
  /// The run directory, held open: nodes write into it by this alone (see Folder). Throws Error before it
  /// exists, and where not writes().
  virtual Folder folder() const = 0;

  /// What made this run, as texts by name, to be written into what should tell where it is from: "graph" (as
  /// TOML, every parameter written out), "seed", "version", "onetbb" (its version), and for each data set in
  /// use a fingerprint of its images and classes, "data.NODE.OUTPUT". Complete once all nodes are open.
  virtual const std::map<std::string, std::string>& about() const = 0;
  /// "node.metric" for every metric that a node of the graph says it reports.
  virtual std::vector<std::string> metrics() const = 0;

  /// Named numbers of a node, for metrics.jsonl, the progress and result.json. The line of an epoch shows the
  /// mean over it of what was reported, result.json the last and, where it is said which way is better, the
  /// best.
  virtual void report(std::string_view node, const Item& item, const Numbers& values) = 0;
  /// A line for people: on the terminal and in log.txt.
  virtual void say(const std::string& line) = 0;
  /// Ends the run at the end of this epoch; the first reason given is the one reported. Of several ranks all
  /// have to give one in the same epoch.
  virtual void stop(std::string reason) = 0;
  /// Where slices of a node's own go (twinflow/trace.h); nullptr unless flowrun --trace asks for one.
  virtual Tracer* trace() { return nullptr; }
  /// The processes that run this graph together; nullptr where this one runs by itself. All of them go
  /// through the same items and the same epochs, so a node that talks to itself on the other ranks does so in
  /// process() or finish_epoch(), on a channel of its own that it asks for in open(). Only the first rank's
  /// save() is asked, and every rank's restore() is given that.
  virtual Ranks* ranks() { return nullptr; }
  /// Of several ranks, whether each takes batches of its own ([run] batch_per_rank) rather than its share of
  /// each.
  virtual bool batch_per_rank() const { return false; }
  /// Of several ranks only the first one writes files.
  bool writes() { return !ranks() || ranks()->first(); }

  /// Has `write` called on the run's writing thread, once all that was given before is done, so that the
  /// stream need not wait for the disk. What it throws is told, with `what` in front (the file, mostly).
  /// `again`: it is then tried anew, a few times over some seconds, before it is given up; the run goes on. A
  /// saved state is on the disk only after all that was given before save(). The future tells whether it
  /// succeeded; waiting for it is for close(), where all that was given before has to end.
  enum class Retry { no, yes };
  virtual std::shared_future<bool> later(std::string what, std::function<void()> write,
                                         Retry retry = Retry::yes) = 0;
};

/// A node that also derives from this hears what any node of the graph reports (Run::report), after it was
/// written to metrics.jsonl: one call at a time, on any thread, while others wait: it should only take notes,
/// and must not report. Its finish_epoch() comes after those of all nodes that are no listeners.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void hear(std::string_view node, const Item& item, const Numbers& values) = 0;
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
  virtual State save() const { return {}; }
  /// May throw Error when the state does not fit this node.
  virtual void restore(const State& state) { (void)state; }
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

/// Makes the items of a stream: a pure function of the item.
template <class Out>
class Source : public Node {
 public:
  /// How many items there are in an epoch; asked for after open().
  virtual std::uint64_t items() const { return endless; }
  virtual Out make(const Item& item) const = 0;
};

/// Turns each item into another. Items may be worked on in any order; they leave in order. A node that says
/// `static constexpr bool takes_unread = true;` is given batches whose images are still in their data set
/// (twinflow/images.h), to read and change them in one pass; the others are given images that are read.
template <class In, class Out>
class Map : public Node {
 public:
  virtual Out apply(In input, const Item& item) const = 0;
};

/// Keeps state from item to item; may emit through Output members. A node that works on its rank's share of a
/// batch calls take_share() and says `static constexpr bool takes_share = true;`: where nobody on this rank
/// wants the whole batch, only the share is read and augmented. Maps on the way say the same: what they do to
/// an image does not depend on the others, and `first` of the batch tells which images these are.
template <class In>
class Stateful : public Node {
 public:
  virtual void process(In input, const Item& item) = 0;
  /// `last`: the last item of the epoch.
  virtual void finish_epoch(const Item& last) { (void)last; }
};

/// A sink is a stateful node that declares no output.
template <class In>
using Sink = Stateful<In>;

/// A sink without inputs: a listener beside the stream, say.
using Beside = Stateful<Inputs<>>;

/// A node beside the stream: it only has constant outputs.
class Constants : public Node {};

struct MetricInfo {
  std::string name, doc;
  Better better = Better::unknown;
};

/// A name on the control board.
struct BoardInfo {
  std::string name, doc;
  std::function<void(Node&, BoardSlot&)> connect;
};

/// A node type, without its C++ types.
struct NodeInfo : TypeInfo {
  enum class Shape { constants, source, map, stateful } shape = Shape::constants;
  std::deque<InputInfo> inputs;  // builders refer to what these hold while they grow
  std::deque<OutputInfo> outputs;
  std::vector<MetricInfo> metrics;  // that it reports, or puts into the Metrics it gives out
  std::function<std::vector<MetricInfo>(const Node&)>
      more_metrics;          // that follow from its parameters; or empty
  std::string metric_param;  // the parameter that names metrics of an upstream node; "" when there is none
  std::function<std::vector<std::string>(const Node&)> watched;  // these,
  std::function<void(Node&, const std::vector<Better>&)> watch;  // and it is told which way each is better
  std::deque<BoardInfo> publishes, reads;

  /// What the node makes of the shape of the images it is fed; empty: leaves it as it is.
  std::function<std::optional<ImageShape>(const Node&, std::optional<ImageShape>)> image_shape;

  std::function<bool(const Node&)> prepares;  // changes every image alike, as an evaluation has to; or empty
  std::function<void(Node&, std::string)>
      prepared;  // told what prepares the images on its first stream input

  /// The files that it writes into the run directory, as names or patterns, for a node of that name; or
  /// empty.
  std::function<std::vector<std::string>(const Node&, const std::string& node)> writes;

  bool first_rank_only = false;  // of several ranks, the others leave the node out
  bool takes_share = false;      // it works on a rank's share of a batch (take_share, images.h)
  std::function<void(Parcel&, int rank, int size)> share;  // source of batches: leaves a rank's share of one

  std::function<void(Node&, std::string_view, const Item&, const Numbers&)> hear;     // listener
  std::function<std::uint64_t(const Node&)> source_items;                             // source
  std::function<Parcel(const Node&, const Item&)> make_item;                          // source
  std::function<Parcel(const Node&, const std::vector<Parcel>&, const Item&)> apply;  // map
  std::function<void(Node&, const std::vector<Parcel>&, const Item&)> process;        // stateful
  std::function<void(Node&, const Item&)> finish_epoch;                               // stateful
};

/// The shape of the images that leave a node: what it makes of that on the first of its inputs that is fed,
/// stream inputs going first.
std::optional<ImageShape> leaving_shape(const NodeInfo& info, const Node& node,
                                        const std::vector<FedInput>& fed);

/// What a node's `describe` fills. The stream ports follow from the base class and are called "in" and "out"
/// unless named here; constants and a stateful node's outputs are bound to members.
template <class Type>
class NodeSpec : public BasicSpec<Type, Node> {
 public:
  explicit NodeSpec(NodeInfo& info) : BasicSpec<Type, Node>(info), node_(info) {
    shape(static_cast<Type*>(nullptr));
    if constexpr (std::is_base_of_v<Listener, Type>)
      node_.hear = [](Node& node, std::string_view who, const Item& item, const Numbers& values) {
        static_cast<Type&>(node).hear(who, item, values);
      };
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
  /// Maps of the graph that this node sends images of its own through; need not be given.
  template <class Owner>
  PortBuilder input(std::string name, Passage Owner::*member) {
    InputInfo port;
    port.name = std::move(name);
    port.types = port_types<ImageBatch>();
    port.optional = true;
    port.bind_passage = [member](Node& node, Passage passage) {
      static_cast<Type&>(node).*member = std::move(passage);
    };
    node_.inputs.push_back(std::move(port));
    return PortBuilder(node_.inputs.back().doc, nullptr);
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
    port.constant = [make, name = port.name](Node& node) {
      T made = (static_cast<Type&>(node).*make)();
      validate_value(made, name);
      make_ready(made);
      return Parcel::pack(std::move(made));
    };
    node_.outputs.push_back(std::move(port));
    return PortBuilder(node_.outputs.back().doc, nullptr);
  }
  /// An output of a stateful node. One that is .aside() is taken only by its name, "node.wrong": where all
  /// others are, `from = "node"` means the one that is not.
  template <class T, class Owner>
  PortBuilder output(std::string name, Output<T> Owner::*member) {
    OutputInfo port;
    port.name = std::move(name);
    port.types = port_types<T>();
    port.connect = [member, name = port.name](Node& node, std::function<void(Parcel, const Item&)> send) {
      Output<T>& output = static_cast<Type&>(node).*member;
      output.send = std::move(send);
      output.name = name;
    };
    node_.outputs.push_back(std::move(port));
    return PortBuilder(node_.outputs.back().doc, nullptr, &node_.outputs.back().aside);
  }

  /// A number that this node reports or measures; monitors may watch it, and where it is said which way is
  /// better, result.json holds its best.
  void metric(std::string name, std::string doc, Better better = Better::unknown) {
    node_.metrics.push_back({std::move(name), std::move(doc), better});
  }
  /// The same for metrics that follow from the node's parameters: a const function of them.
  template <class Owner>
  void more_metrics(std::vector<MetricInfo> (Owner::*metrics)() const) {
    node_.more_metrics = [metrics](const Node& node) { return (static_cast<const Type&>(node).*metrics)(); };
  }
  /// The parameter that names a metric which some upstream node must produce, as "accuracy" or
  /// "one_shot.accuracy"; `better` is set to the way that is better, before checks of the node's own.
  template <class Owner, class Other>
  void watches(std::string param, std::string Owner::*name, Better Other::*better) {
    node_.metric_param = std::move(param);
    node_.watched = [name](const Node& node) {
      return std::vector<std::string>{static_cast<const Type&>(node).*name};
    };
    node_.watch = [better](Node& node, const std::vector<Better>& ways) {
      static_cast<Type&>(node).*better = ways.at(0);
    };
  }
  /// The same for several metrics.
  template <class Owner, class Other>
  void watches(std::string param, OneOrMore<std::string> Owner::*names, std::vector<Better> Other::*better) {
    node_.metric_param = std::move(param);
    node_.watched = [names](const Node& node) { return (static_cast<const Type&>(node).*names).values; };
    node_.watch = [better](Node& node, const std::vector<Better>& ways) {
      static_cast<Type&>(node).*better = ways;
    };
  }
  /// Says that the node changes every image alike (it normalises, inverts, resizes, ...), so that whoever
  /// measures a model that was trained behind it must send images through it as well. Nodes that draw at
  /// random do not say so.
  void prepares() {
    node_.prepares = [](const Node&) { return true; };
  }
  /// The same where it depends on the parameters.
  template <class Owner>
  void prepares(bool (Owner::*says)() const) {
    node_.prepares = [says](const Node& node) { return (static_cast<const Type&>(node).*says)(); };
  }
  /// Where several ranks run the graph, only the first one has this node: a sink that writes files, and that
  /// nothing else in the graph depends on.
  void first_rank_only() { node_.first_rank_only = true; }
  /// Names what the node writes into the run directory: files, or folders. In a name, NAME stands for the
  /// node's name and * for any text: "NAME.csv", "NAME-step-*.safetensors". (What is written on the way, as
  /// NAME.csv.tmp, need not be named.) The check of a graph refuses two owners of one name.
  void writes(std::vector<std::string> names) {
    node_.writes = [names](const Node&, const std::string& node) {
      std::vector<std::string> all = names;
      for (std::string& one : all)
        if (const auto at = one.find("NAME"); at != one.npos) one.replace(at, 4, node);
      return all;
    };
  }
  /// The same where it depends on the parameters: names with the node's name written out.
  template <class Owner>
  void writes(std::vector<std::string> (Owner::*names)(const std::string& node) const) {
    node_.writes = [names](const Node& self, const std::string& node) {
      return (static_cast<const Type&>(self).*names)(node);
    };
  }
  /// Has the nodes that prepare the images on the first stream input put into a member, in words, before the
  /// node's own check: "norm (augment.normalize)"; empty when there are none.
  template <class Owner>
  void prepared(std::string Owner::*member) {
    node_.prepared = [member](Node& node, std::string by) {
      static_cast<Type&>(node).*member = std::move(by);
    };
  }
  /// Says, while the graph is checked, what shape the images have that leave the node, so that nodes below
  /// can check theirs: a pure function of the parameters and of the shape of the images that are fed in.
  /// Empty: only the run will tell. A node that says nothing leaves images as they are: samplers those of
  /// their data set, maps those of their batch; and a model is for the images it was trained with.
  template <class Owner>
  void image_shape(std::optional<ImageShape> (Owner::*leaving)(std::optional<ImageShape> fed) const) {
    node_.image_shape = [leaving](const Node& node, std::optional<ImageShape> fed) {
      return (static_cast<const Type&>(node).*leaving)(fed);
    };
  }
  /// A name on the control board (twinflow/board.h).
  template <class Owner>
  PortBuilder publishes(std::string name, Publisher Owner::*member) {
    return board(node_.publishes, std::move(name), member);
  }
  template <class Owner>
  PortBuilder reads(std::string name, Reader Owner::*member) {
    return board(node_.reads, std::move(name), member);
  }

 private:
  template <class End, class Owner>
  static PortBuilder board(std::deque<BoardInfo>& names, std::string name, End Owner::*member) {
    names.push_back({std::move(name), "", [member](Node& node, BoardSlot& slot) {
                       (static_cast<Type&>(node).*member).slot = &slot;
                     }});
    return PortBuilder(names.back().doc, nullptr);
  }
  template <class Out>
  void shape(Source<Out>*) {
    node_.shape = NodeInfo::Shape::source;
    node_.source_items = [](const Node& node) { return static_cast<const Type&>(node).items(); };
    node_.outputs.push_back({"out", "", port_types<Out>(), {}, {}});
    node_.make_item = [](const Node& node, const Item& item) {
      Out made = static_cast<const Type&>(node).make(item);
      validate_value(made, "");
      return Parcel::pack(std::move(made));
    };
    if constexpr (requires(Out & out) { take_share(out, 0, 1); })
      node_.share = [](Parcel& parcel, int rank, int size) {
        Out made = parcel.take<Out>();
        take_share(made, rank, size);
        parcel = Parcel::pack(std::move(made));
      };
  }
  template <class In, class Out>
  void shape(Map<In, Out>*) {
    node_.shape = NodeInfo::Shape::map;
    if constexpr (requires { Type::takes_share; }) node_.takes_share = Type::takes_share;
    StreamInputs<In>::declare(node_.inputs);
    node_.outputs.push_back({"out", "", port_types<Out>(), {}, {}});
    node_.apply = [](const Node& node, const std::vector<Parcel>& parcels, const Item& item) {
      Out made = static_cast<const Type&>(node).apply(taken<In>(parcels), item);
      validate_value(made, "");
      return Parcel::pack(std::move(made));
    };
  }
  template <class In>
  void shape(Stateful<In>*) {
    node_.shape = NodeInfo::Shape::stateful;
    if constexpr (requires { Type::takes_share; }) node_.takes_share = Type::takes_share;
    StreamInputs<In>::declare(node_.inputs);
    node_.process = [](Node& node, const std::vector<Parcel>& parcels, const Item& item) {
      static_cast<Type&>(node).process(taken<In>(parcels), item);
    };
    node_.finish_epoch = [](Node& node, const Item& last) { static_cast<Type&>(node).finish_epoch(last); };
  }
  template <class In>
  static In taken(const std::vector<Parcel>& parcels) {
    In input = StreamInputs<In>::take(parcels);
    constexpr bool as_it_is = [] {
      if constexpr (requires { Type::takes_unread; }) {
        return Type::takes_unread;
      } else {
        return false;
      }
    }();
    if constexpr (!as_it_is) make_ready(input);
    return input;
  }
  void shape(Constants*) { node_.shape = NodeInfo::Shape::constants; }

  NodeInfo& node_;
  std::size_t named_inputs_ = 0;
};

template <class Out>
std::true_type has_shape(const Source<Out>*);
template <class In, class Out>
std::true_type has_shape(const Map<In, Out>*);
template <class In>
std::true_type has_shape(const Stateful<In>*);
std::true_type has_shape(const Constants*);
std::false_type has_shape(const void*);

/// Called by TWINFLOW_NODE when its library is loaded. One mistake is reported at a time, in a sentence.
template <class Type>
void register_node(std::string type_name) {
  constexpr bool derives = decltype(has_shape(static_cast<const Type*>(nullptr)))::value;
  constexpr bool describes = requires(NodeSpec<Type> & spec) { Type::describe(spec); };
  if constexpr (!derives) {
    static_assert(
        derives,
        "TWINFLOW_NODE: a node derives publicly from Source, Map, Stateful, Sink, Beside or Constants "
        "of twinflow/node.h");
  } else if constexpr (std::is_abstract_v<Type>) {
    static_assert(
        !std::is_abstract_v<Type>,
        "TWINFLOW_NODE: the node has no body: a Source needs 'Out make(const Item&) const', a Map "
        "'Out apply(In, const Item&) const', a Stateful or Sink 'void process(In, const Item&)', with "
        "these very types, and const where it is said here");
  } else if constexpr (!std::is_default_constructible_v<Type>) {
    static_assert(
        std::is_default_constructible_v<Type>,
        "TWINFLOW_NODE: the node needs a public constructor without arguments; parameters are bound "
        "later");
  } else if constexpr (!describes) {
    static_assert(
        describes,
        "TWINFLOW_NODE: the node needs a public 'static void describe(twinflow::NodeSpec<Type>& spec)', "
        "where Type is its own class");
  } else {
    auto info = std::make_unique<NodeInfo>();
    info->kind = Node::family;
    info->type = std::move(type_name);
    info->make = [] { return std::shared_ptr<void>(std::shared_ptr<Node>(std::make_shared<Type>())); };
    register_type(std::move(info), [](TypeInfo& made) {
      NodeSpec<Type> spec(static_cast<NodeInfo&>(made));
      Type::describe(spec);
    });
  }
}

}  // namespace twinflow
