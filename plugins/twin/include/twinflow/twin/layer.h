#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/spec.h"
#include "twinflow/twin/shape.h"

namespace twinflow::twin {

class Program;

/// One layer of a network as a graph file writes it: an immutable description, family "layer". It says what
/// shape it makes of another and, asked by a Network, adds what computes it to a Program. It holds no
/// weights.
class Layer {
 public:
  using Base = Layer;
  static constexpr const char* family = "layer";
  std::string type;
  std::string name;  // what its weights are called before the last dot; "" for its place: "4.residual"

  virtual ~Layer();
  template <class Type>
  static void describe_common(Spec<Type>& spec) {
    spec.param("name", &Layer::name)
        .doc(
            "what its weights are called; by default its place and type, as 4.conv. With a name of its own "
            "it "
            "is found again where layers before it were added or removed");
  }
  /// Throws Error, in a sentence, when the layer does not fit that input.
  virtual Shape output(Shape in) const = 0;

  /// Where the layer stands when it is planned.
  struct Planned {
    std::string name;  // "4.residual": what its weights are called before the last dot
    int input = -1;    // an activation of the program
    // What the layer does to its output as well, in this order, where it says that it can.
    int sum = -1;          // add that activation, if any: of a layer that fuses_sum()
    bool relu = false;     // apply a ReLU: of a layer that fuses_relu()
    std::size_t pool = 1;  // take the largest of each 2 x 2 pixels, if 2: of a layer that fuses_pool()
  };
  /// Adds the operations to the program; returns the activation that holds the output. Throws Error like
  /// output().
  virtual int plan(Program& program, const Planned& at) const = 0;
  /// The layer can apply a following ReLU at no cost.
  virtual bool fuses_relu() const { return false; }
  virtual bool fuses_sum() const { return false; }
  virtual bool fuses_pool() const { return false; }
  /// But its backward pass then reads the output, which would not be kept otherwise.
  virtual bool relu_keeps_output() const { return false; }
  /// max(relu(x)) = relu(max(x)): a ReLU before such a layer may be applied to its smaller output instead.
  virtual bool commutes_with_relu() const { return false; }
  virtual bool is_relu() const { return false; }
  /// It takes the largest of each 2 x 2 pixels and does nothing else.
  virtual bool is_pool_of_2() const { return false; }
};

using Layers = std::vector<std::shared_ptr<const Layer>>;

/// Plans a list of layers one after another, names them `prefix` + index + "." + type, fuses each ReLU and
/// then pooling into the layer before it where that layer can, or moves a ReLU behind a following max
/// pooling. With `keep_last_apart` the last layer is not fused: its gradient then stays as it was given (a
/// residual's branches share it). `last`: what the last layer is asked to do besides.
int plan_layers(Program& program, const Layers& layers, const std::string& prefix, int input,
                bool keep_last_apart, const Layer::Planned& last = {});

/// A layer does not fit what it is given: "layer 3 (conv): ...".
class LayerError : public Error {
 public:
  LayerError(const std::string& message, std::vector<std::size_t> layer_)
      : Error(message), layer(std::move(layer_)) {}
  ~LayerError() override;
  std::vector<std::size_t> layer;  // its index; where it stands in the `layers` of another, behind that one's
  /// Where that is in a table whose layers stand under `key`, for Checking::error_at.
  std::vector<Checking::Step> place(const std::string& key) const;
};

/// Whether each layer of the list can be told from the others by its name. Throws Error, in a sentence, when
/// two have the same, when one is not letters, digits, _ and - after a letter (so that it cannot be taken for
/// a place, "4.residual", or for two names), and when it is one of `taken`. Nested lists check themselves.
void check_names(const Layers& layers, const std::vector<std::string>& taken);
/// Those of a whole network: what else lies beside its weights in files is taken.
void check_names(const Layers& layers);

/// The shape after all layers. Throws LayerError.
Shape output_shape(const Layers& layers, Shape in);

}  // namespace twinflow::twin
