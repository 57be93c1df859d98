#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "twinflow/node.h"

namespace twinflow::testing {

/// One node on a bench: made from a TOML snippet, fed by hand, its outputs and reports looked at. For tests
/// of plugins.
///
///     Bench bench("augment.affine", "rotation = [-10.0, 10.0]");
///     ImageBatch turned = bench.apply<ImageBatch>(batch, {.epoch = 0, .index = 3});
class Bench {
 public:
  /// `type` must be registered: linked in, or loaded. Throws Error with the whole text of the problems found
  /// in `toml`. `fed`: the types that feed inputs, for nodes whose check asks; `watched`: which way the
  /// metric is better that the node watches, if it does.
  explicit Bench(const std::string& type, const std::string& toml = "", std::uint64_t seed = 1,
                 std::vector<std::pair<std::string, std::type_index>> fed = {},
                 Better watched = Better::higher);
  ~Bench();

  std::string name = "bench";  // the node's name in this "graph": set before open()
  std::uint64_t epochs = 1, steps_per_epoch = 10;
  int threads = 2;
  std::filesystem::path directory;  // as Run::directory(); a test sets it when its node writes

  /// Binds a constant input; before open().
  template <class T>
  void constant(const std::string& input, T value) {
    bind(input, Parcel::pack(std::move(value)));
  }
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
    return make_constant(output).take<T>();
  }
  template <class Out>
  Out make(const Item& item) {
    open();
    return info().make_item(node(), item).template take<Out>();
  }
  template <class Out, class In>
  Out apply(In input, const Item& item = {}) {
    open();
    return info().apply(node(), {Parcel::pack(std::move(input))}, item).template take<Out>();
  }
  template <class In>
  void process(In input, const Item& item = {}) {
    open();
    info().process(node(), {Parcel::pack(std::move(input))}, item);
  }
  void finish_epoch(const Item& last = {}) {
    open();
    info().finish_epoch(node(), last);
  }

  /// Everything emitted, reported and said so far, in order.
  std::vector<std::pair<std::string, Parcel>> emitted;  // output, value
  std::vector<std::pair<Item, Numbers>> reported;
  std::vector<std::string> said;
  std::string stopped;  // the reason given to Run::stop; empty when none

  const NodeInfo& info() const;
  Node& node();

 private:
  void bind(const std::string& input, const Parcel& parcel);
  Parcel make_constant(const std::string& output);

  class BenchRun;
  const NodeInfo* info_;
  std::unique_ptr<BenchRun> run_;
  std::shared_ptr<Node> node_;
  bool opened_ = false;
};

}  // namespace twinflow::testing
