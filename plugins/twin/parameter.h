#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "buffer.h"
#include "engine.h"
#include "twinflow/random.h"
#include "twinflow/state.h"
#include "twinflow/twin/initializer.h"

namespace twinflow::twin {

/// How a tensor starts.
struct Initial {
  std::shared_ptr<const Initializer> initializer;
  Fan fan;

  static Initial constant(double value) { return {constant_initializer(value), {}}; }
};

/// A tensor of a network. Its f32 values lie in the layout in which oneDNN writes the gradient; copies in
/// other layouts or in bf16 are refreshed from them after every update. Outside, it has PyTorch's logical
/// layout.
struct Parameter {
  enum class Kind {
    by_shard,  // every shard makes a gradient; they are summed in order
    by_batch,  // the operation writes the gradient itself
    tracked    // not trained: moving averages
  };
  struct Copy {
    memory::desc desc;
    Kernel refresh;  // from the master
    Buffer buffer;
  };
  /// A block of rows (first dimension): a large dense layer is cut into several. Most parameters are one
  /// piece.
  struct Piece {
    std::size_t row = 0, rows = 0;
    memory::desc logical, master;
    std::size_t offset = 0;  // floats, from the start of the parameter
    std::deque<Copy> copies;

    /// Names the copy in that layout, making one if it is not the master's; for data().
    int copy(const memory::desc& desc);
  };

  std::string name;
  std::vector<std::int64_t> dims;
  Initial initial;
  Kind kind = Kind::by_shard;
  std::deque<Piece> pieces;
  float* weights = nullptr;   // size() floats
  float* gradient = nullptr;  // likewise; nullptr when not trained
  std::size_t shard_offset = 0;

  /// `logical`: the rows of the tensor as oneDNN sees them, f32, row-major. `master`: the same, in the layout
  /// of the gradient.
  void add_piece(std::size_t row, std::size_t rows, const memory::desc& logical, const memory::desc& master);
  std::size_t size() const;     // floats, with the padding of the layout
  std::size_t logical() const;  // product of dims
  const void* data(std::size_t piece, int copy) const;

  void initialise(const std::function<Random(std::size_t row)>& random);
  void set(std::span<const float> values);  // row-major
  /// Arrays laid out as the weights are, such as the gradient, from and to row-major order.
  std::vector<float> row_major(const float* laid_out) const;
  void lay_out(std::span<const float> values, float* laid_out) const;
};

/// Reads a saved tensor into `values`, which lie as those of `parameter` do; nullptr: row-major. Throws Error
/// when there is none, or one of another size.
void restore(std::span<float> values, const Parameter* parameter, const State& state,
             const std::string& name);

}  // namespace twinflow::twin
