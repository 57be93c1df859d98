#pragma once

#include "initial_params.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {

/// 2-D convolution (cross-correlation, as in every library): weights filters x channels of a
/// group x size x size.
class Conv final : public Layer, public Start {
 public:
  enum class Padding { same, valid };
  static void describe(Spec<Conv>& spec);

  Shape output(Shape in) const override;
  int plan(Program& program, const Planned& at) const override;
  bool fuses_relu() const override { return true; }
  bool relu_keeps_output() const override { return true; }
  /// The same with output += activation `sum` before the ReLU, in place: `sum` must not be read afterwards.
  /// -1: none.
  int plan_with_sum(Program& program, const Planned& at, int sum) const;

  std::int64_t filters = 64, size = 3, stride = 1, dilation = 1, groups = 1;
  Padding padding = Padding::same;
  bool bias = true;

 private:
  std::size_t reach() const;  // pixels from one end of the kernel to the other
  std::size_t extent(std::size_t in) const;
  std::size_t padding_total(std::size_t in) const;
};

}  // namespace twinflow::twin
