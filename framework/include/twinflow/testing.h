#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <typeindex>
#include <utility>
#include <vector>

#include "twinflow/node.h"

namespace twinflow::testing {

/// One node on a bench: made from a TOML snippet, fed by hand, its outputs and reports looked at. For tests
/// of plugins.
///
///     Bench bench("augment.affine", "rotation = [-10.0, 10.0]");
///     ImageBatch turned = bench.apply<ImageBatch>(batch, {.epoch = 0, .index = 3});
///
/// Several stream inputs are given as the node takes them; an empty std::optional is one that is not
/// connected:
///
///     bench.process(Inputs<Number, std::optional<Number>>{left, std::nullopt});
///
/// The calls throw Error when the node is of another shape or a value of another type than its port's, and
/// whatever the node throws. A bench belongs to one thread.
class Bench {
 public:
  /// `type` is linked in, or found where flowrun finds it: among the shipped plugins, or on
  /// TWINFLOW_PLUGIN_PATH. Throws Error with the whole text of the problems found in `toml`. `fed`: what
  /// feeds inputs, for nodes whose check asks; `watched`: which way the metric is better that the node
  /// watches, if it does.
  explicit Bench(const std::string& type, const std::string& toml = "", std::uint64_t seed = 1,
                 std::vector<FedInput> fed = {}, Better watched = Better::higher);
  ~Bench();

  std::string name = "bench";  // the node's name in this "graph": set before open()
  std::uint64_t epochs = 1, steps_per_epoch = 10;
  int threads = 2;
  /// The control board: what the node publishes is `next` there; what it reads has to be put into `now`.
  std::map<std::string, BoardSlot> board;
  std::filesystem::path directory;           // as Run::directory(); a test sets it when its node writes
  std::map<std::string, std::string> about;  // as Run::about()
  std::vector<std::string> metrics;          // as Run::metrics()

  /// Binds a constant input; before open().
  template <class T>
  void constant(const std::string& input, T value) {
    bind(input, Parcel::pack(std::move(value)));
  }
  /// Has the node send images through that one, too; `map` is opened.
  void pass_through(const std::string& input, Bench& map);
  void open();  // implied by the calls below
  State save() const { return node_->save(); }
  void restore(const State& state) {
    open();
    node_->restore(state);
  }
  void close();
  /// A constant output.
  template <class T>
  T constant_output(const std::string& output) {
    return taken<T>(make_constant(output));
  }
  template <class Out>
  Out make(const Item& item) {
    start(NodeInfo::Shape::source);
    return taken<Out>(info().make_item(node(), item));
  }
  template <class Out, class In>
  Out apply(In input, const Item& item = {}) {
    start(NodeInfo::Shape::map);
    return taken<Out>(info().apply(node(), parcels(std::move(input)), item));
  }
  template <class In>
  void process(In input, const Item& item = {}) {
    start(NodeInfo::Shape::stateful);
    info().process(node(), parcels(std::move(input)), item);
  }
  void finish_epoch(const Item& last = {}) {
    start(NodeInfo::Shape::stateful);
    info().finish_epoch(node(), last);
  }
  /// What a listener would hear. (Run::later has what it is given done at once, and once.)
  void hear(std::string_view who, const Item& item, const Numbers& values) {
    open();
    info().hear(node(), who, item, values);
  }

  /// What an output of a stateful node emitted so far, in order.
  template <class T>
  std::vector<T> outputs(const std::string& output) const {
    std::vector<T> all;
    for (const auto& [name, parcel] : emitted)
      if (name == output) all.push_back(taken<T>(parcel));
    return all;
  }
  /// Everything emitted, reported and said so far, in order.
  std::vector<std::pair<std::string, Parcel>> emitted;  // output, value
  std::vector<std::pair<Item, Numbers>> reported;
  std::vector<std::string> said;
  std::string stopped;  // the reason given to Run::stop; empty when none

  /// The shape of the images that leave the node, as far as the check knows it.
  std::optional<ImageShape> image_shape() const;

  const NodeInfo& info() const;
  Node& node();

 private:
  void bind(const std::string& input, const Parcel& parcel);
  Parcel make_constant(const std::string& output);
  void start(NodeInfo::Shape shape);  // opens; throws when the node is of another shape
  // A node takes what it is given unseen, so types are checked here.
  void check_type(const InputInfo& port, const Parcel& parcel) const;
  void check_fed(const std::vector<Parcel>& parcels) const;
  static void check_taken(const Parcel& parcel, const std::vector<PortType>& wanted);

  template <class T>
  static T taken(const Parcel& parcel) {
    check_taken(parcel, port_types<T>());
    T value = parcel.take<T>();
    make_ready(value);
    return value;
  }
  template <class In>
  std::vector<Parcel> parcels(In input) const {
    std::vector<Parcel> made{Parcel::pack(std::move(input))};
    return check_fed(made), made;
  }
  template <class... T>
  std::vector<Parcel> parcels(std::tuple<T...> inputs) const {
    std::vector<Parcel> made =
        std::apply([](auto&... one) { return std::vector<Parcel>{pack_one(std::move(one))...}; }, inputs);
    return check_fed(made), made;
  }
  template <class T>
  static Parcel pack_one(T value) {
    return Parcel::pack(std::move(value));
  }
  template <class T>
  static Parcel pack_one(std::optional<T> value) {
    return value ? Parcel::pack(std::move(*value)) : Parcel{};
  }

  class BenchRun;
  const NodeInfo* info_;
  std::vector<FedInput> fed_;
  std::map<std::string, Passage> passages_;
  std::unique_ptr<BenchRun> run_;
  std::shared_ptr<Node> node_;
  bool opened_ = false;
};

}  // namespace twinflow::testing
