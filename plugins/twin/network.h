#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "pass.h"
#include "twinflow/images.h"
#include "twinflow/random.h"
#include "twinflow/tensors.h"
#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/layer.h"

namespace twinflow::twin {

struct Parameter;

enum class Precision { f32, bf16, automatic };

/// f32 or bf16; automatic: bf16 where the processor has instructions for it. Throws Error when bf16 is asked
/// for and it has none.
Precision resolve(Precision asked);

enum class Mode { training, inference };

/// Images of one shard. Batch normalisation takes its statistics over a shard.
constexpr std::size_t default_shard = 16;

/// "64x3x3", for sentences.
std::string dims_text(const std::vector<std::int64_t>& dims);

/// Tells of each tensor that such a network has, name and shape, before anything of its size is made; returns
/// what becomes of an image. What `each` throws ends it. Throws Error as Network's constructor does.
Shape each_tensor(
    const Layers& layers, Shape image,
    const std::function<void(const std::string& name, const std::vector<std::int64_t>& shape)>& each);

/// A network with its weights. forward() and backward() run in parallel over the calling thread's arena and
/// give the same bits for any number of threads; one call at a time.
///
/// bf16 means activations, their gradients and the weights that convolutions and dense layers read; master
/// weights, weight gradients, statistics, outputs of dense layers and embeddings are f32.
class Network {
 public:
  /// `image`: channels x height x width. Weights are 0 until initialise() or load(). Throws Error naming the
  /// layer that does not fit.
  Network(const Layers& layers, Shape image, Precision precision, Mode mode,
          std::size_t shard = default_shard);
  ~Network();
  Network(Network&&) noexcept;

  std::size_t embedding_size() const { return embedding_size_; }

  /// Draws the weights; a row is an output unit or a filter. Later passes of training draw from the same.
  void initialise(const Streams& random);

  /// Row i is the embedding of image i; valid until the next call. backward() reads `images` again: they must
  /// still be there. Throws Error when the images have another shape.
  const Embeddings& forward(const Images& images, const Pass& pass = {});
  /// The same for `count` of the images, from `first` on.
  const Embeddings& forward(const Images& images, std::size_t first, std::size_t count,
                            const Pass& pass = {});
  /// `gradient`: dL/d embeddings of the last forward() of a training network. Leaves dL/d weights in
  /// parameters().
  void backward(const Embeddings& gradient);

  /// What an optimiser needs. The spans hold padding and are laid out as oneDNN likes; both in the same way.
  struct Trained {
    std::string name;
    std::span<float> weights;
    std::span<const float> gradient;
    const Parameter* parameter;  // knows the layout
  };
  std::vector<Trained> trained();
  /// To be called after weights were written through trained().
  void weights_changed();

  /// Everything that load() needs, in PyTorch's names and row-major layouts: conv weight O x I x H x W, dense
  /// weight O x I, batch_norm weight, bias, running_mean and running_var.
  NamedTensors weights() const;
  /// The gradients of the trained ones, likewise.
  NamedTensors gradients() const;
  /// Throws Error naming the tensor that is missing or has another shape. Other tensors are left alone.
  void load(const NamedTensors& tensors);

 private:
  std::unique_ptr<Program> program_;
  Shape image_;
  std::size_t embedding_size_ = 0;
  Embeddings embeddings_;
};

}  // namespace twinflow::twin
