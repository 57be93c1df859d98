#include "presets.h"

#include "twinflow/error.h"
#include "twinflow/plugin.h"

namespace twinflow::twin {
namespace {

using Entries = Value::Table;

Value value(std::int64_t number) { return {number, {}}; }
Value value(double number) { return {number, {}}; }
Value value(bool truth) { return {truth, {}}; }
Value value(const char* text) { return {std::string(text), {}}; }

/// A component as a graph file writes it, made by the same code.
Value component(const char* type, Entries entries = {}) {
  entries.insert(entries.begin(), {"type", {}, value(type)});
  return {std::move(entries), {}};
}

Value conv(std::int64_t filters) {
  return component("conv", {{"filters", {}, value(filters)}, {"bias", {}, value(false)}});
}
Value norm() { return component("batch_norm", {{"momentum", {}, value(0.9)}}); }
Value dense(std::int64_t units) { return component("dense", {{"units", {}, value(units)}}); }

void add(Value::List& all, Value::List more) { all.insert(all.end(), more.begin(), more.end()); }

/// What all presets can be changed by.
class ListedPreset : public Preset {
 public:
  Layers layers() const final {
    Layers made;
    Problems problems;
    if (!ParamType<Layers>::read({list(), {}}, made, problems))
      throw Error("network " + type + ": " + problems.list().at(0).message);
    return made;
  }

 protected:
  explicit ListedPreset(std::int64_t size) : embedding(size) {}
  template <class Type>
  static void describe_dropout(Spec<Type>& spec) {
    spec.param("dropout", &ListedPreset::dropout)
        .doc("rate of the dropout after each block, the last included; 0: none")
        .range(0.0, 0.99);
  }
  template <class Type>
  static void describe_embedding(Spec<Type>& spec) {
    spec.param("embedding", &ListedPreset::embedding).doc("units of the last dense layer").min(1);
  }

  void drop(Value::List& all) const {
    if (dropout > 0.0) all.push_back(component("dropout", {{"rate", {}, value(dropout)}}));
  }

  std::int64_t embedding;
  double dropout = 0.0;

 private:
  virtual Value::List list() const = 0;
};

/// Vinyals et al. 2016, "Matching networks for one shot learning": four times conv 3x3 (64) - batch_norm -
/// relu - max_pool 2, then l2_normalize.
class Conv4 final : public ListedPreset {
 public:
  Conv4() : ListedPreset(0) {}
  static void describe(Spec<Conv4>& spec) {
    spec.summary("Blocks of conv 3x3, batch_norm, relu and max_pool; then l2_normalize (Vinyals 2016).");
    spec.example(R"([node.trained]
type = "twin.train"
from = "augmented"
network = { type = "conv4", filters = 8, blocks = 2, embedding = 16 })");
    spec.param("filters", &Conv4::filters).doc("of every convolution").min(1);
    spec.param("blocks", &Conv4::blocks).doc("how many; each halves height and width").range(1, 16);
    spec.param("embedding", &Conv4::embedding)
        .doc("units of a dense layer before l2_normalize; 0: no such layer")
        .min(0);
    describe_dropout(spec);
  }

 private:
  Value::List list() const override {
    Value::List all;
    for (std::int64_t i = 0; i < blocks; ++i) {
      add(all, {conv(filters), norm(), value("relu"), value("max_pool")});
      drop(all);
    }
    if (embedding > 0) all.push_back(dense(embedding));
    all.push_back(value("l2_normalize"));
    return all;
  }
  std::int64_t filters = 64, blocks = 4;
};

/// conv 3x3 (32) - batch_norm - relu - max_pool; residual blocks of two 3x3 convolutions with batch_norm,
/// each with twice the filters of the one before and a max_pool behind it; dense, l2_normalize.
class ResidualNetwork final : public ListedPreset {
 public:
  ResidualNetwork() : ListedPreset(256) {}
  static void describe(Spec<ResidualNetwork>& spec) {
    spec.summary("A convolution and residual blocks, each followed by max_pool; then dense, l2_normalize.");
    spec.example(R"([node.trained]
type = "twin.train"
from = "augmented"
network = { type = "residual", filters = 8, blocks = 2 })");
    spec.param("filters", &ResidualNetwork::filters)
        .doc("of the first convolution; each block has twice as many as what is before it")
        .range(1, 65536);
    spec.param("blocks", &ResidualNetwork::blocks)
        .doc("residual blocks; each halves height and width, as the first convolution does")
        .range(1, 16);
    describe_embedding(spec);
    describe_dropout(spec);
  }

 private:
  Value::List list() const override {
    Value::List all{conv(filters), norm(), value("relu"), value("max_pool")};
    drop(all);
    for (std::int64_t i = 1; i <= blocks; ++i) {
      const std::int64_t wide = filters << i;
      const Value::List inner{conv(wide), norm(), value("relu"), conv(wide), norm()};
      add(all, {component("residual", {{"layers", {}, {inner, {}}}}), value("max_pool")});
      drop(all);
    }
    add(all, {dense(embedding), value("l2_normalize")});
    return all;
  }
  std::int64_t filters = 32, blocks = 3;
};

/// Koch, Zemel & Salakhutdinov 2015, figure 4: convolutions 64@10x10, 128@7x7, 128@4x4, 256@4x4 without
/// padding, each with relu, max_pool between; dense 4096 with sigmoid. Convolutions start N(0, 0.01), dense
/// weights N(0, 0.2), biases N(0.5, 0.01).
class Koch2015 final : public ListedPreset {
 public:
  Koch2015() : ListedPreset(4096) {}
  static void describe(Spec<Koch2015>& spec) {
    spec.summary("The network of Koch 2015, for images of 105x105 and the distance weighted_l1.");
    spec.example(R"([node.glyphs]
size = 105

[node.trained]
type = "twin.train"
from = "augmented"
network = { type = "koch2015", embedding = 64 }
distance = "weighted_l1"
loss = "bce")");
    describe_embedding(spec);
    describe_dropout(spec);
  }

 private:
  static Value normal(double mean, double deviation) {
    return component("normal", {{"mean", {}, value(mean)}, {"std", {}, value(deviation)}});
  }
  static Value started(const char* type, double deviation, Entries entries) {
    entries.insert(entries.end(),
                   {{"init", {}, normal(0.0, deviation)}, {"bias_init", {}, normal(0.5, 0.01)}});
    return component(type, std::move(entries));
  }
  static Value koch_conv(std::int64_t filters, std::int64_t size) {
    return started(
        "conv", 0.01,
        {{"filters", {}, value(filters)}, {"size", {}, value(size)}, {"padding", {}, value("valid")}});
  }

  Value::List list() const override {
    Value::List all;
    const auto block = [&](std::int64_t filters, std::int64_t size, bool pool) {
      add(all, {koch_conv(filters, size), value("relu")});
      if (pool) all.push_back(value("max_pool"));
      drop(all);
    };
    block(64, 10, true);
    block(128, 7, true);
    block(128, 4, true);
    block(256, 4, false);
    add(all, {started("dense", 0.2, {{"units", {}, value(embedding)}}), value("sigmoid")});
    return all;
  }
};

/// dense - relu for each of `hidden`, then dense and l2_normalize.
class Mlp final : public ListedPreset {
 public:
  Mlp() : ListedPreset(64) {}
  static void describe(Spec<Mlp>& spec) {
    spec.summary("Dense layers with relu; then dense, l2_normalize: for small images and plain numbers.");
    spec.example(R"([node.trained]
type = "twin.train"
from = "augmented"
network = { type = "mlp", hidden = [32], embedding = 16, dropout = 0.1 })");
    spec.param("hidden", &Mlp::hidden).doc("units of each dense layer before the last").min(1);
    describe_embedding(spec);
    describe_dropout(spec);
  }

 private:
  Value::List list() const override {
    Value::List all;
    for (const std::int64_t units : hidden) {
      add(all, {dense(units), value("relu")});
      drop(all);
    }
    add(all, {dense(embedding), value("l2_normalize")});
    return all;
  }
  std::vector<std::int64_t> hidden{256, 128};
};

}  // namespace

TWINFLOW_COMPONENT("network", "conv4", Conv4)
TWINFLOW_COMPONENT("network", "residual", ResidualNetwork)
TWINFLOW_COMPONENT("network", "koch2015", Koch2015)
TWINFLOW_COMPONENT("network", "mlp", Mlp)

}  // namespace twinflow::twin
