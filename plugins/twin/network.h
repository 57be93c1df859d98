#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "network_memory.h"
#include "pass.h"
#include "profile.h"
#include "twinflow/images.h"
#include "twinflow/random.h"
#include "twinflow/tensors.h"
#include "twinflow/twin/embeddings.h"
#include "twinflow/twin/layer.h"
#include "twinflow/twin/precision.h"

namespace twinflow::twin {

struct Parameter;

enum class Mode { training, inference };

/// Images of one shard. Batch normalisation takes its statistics over a shard.
constexpr std::size_t default_shard = 16;

/// "64x3x3", for sentences.
std::string dims_text(const std::vector<std::int64_t>& dims);

/// "3.conv" of "3.conv.weight".
std::string layer_of(const std::string& tensor);

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
  Network(Layers layers, Shape image, Precision precision, Mode mode, std::size_t shard = default_shard);
  ~Network();
  Network(Network&&) noexcept;

  std::size_t embedding_size() const { return embedding_size_; }
  Shape image() const { return image_; }

  /// Draws the weights; a row is an output unit or a filter. Later passes of training draw from the same.
  void initialise(const Streams& random);

  /// Row i is the embedding of image i (of the part); valid until the next call. backward() reads `images`
  /// again: they must still be there. Throws Error when the images have another shape.
  const Embeddings& forward(const Images& images, const Pass& pass = {});
  /// Told of gradients of stored() once nothing more is added to them, while those of the layers below are
  /// still to come.
  using Whole = std::function<void(std::vector<std::span<float>>)>;
  /// `gradient`: dL/d embeddings of the last forward() of a training network. Leaves dL/d weights in
  /// stored().
  void backward(const Embeddings& gradient, const Whole& whole = {});
  /// Where a batch of that many images can be cut into parts of at most `most` images (or one shard): first
  /// images, and the count. Parts see the same shards as the whole.
  std::vector<std::size_t> parts(std::size_t count, std::size_t most) const;
  /// Lets the moving averages of batch normalisation take in the statistics of all passes since the last
  /// call; of the layers for which `of` is true.
  void keep_statistics(const std::function<bool(const std::string& layer)>& of);
  /// These statistics, which can be summed over parts that went through elsewhere. Valid after forward().
  std::vector<std::span<float>> noted();

  /// The name of the layer whose output is the first that is not finite in such a pass; "" when none is. For
  /// saying what went wrong: it takes its time.
  std::string not_finite(const Images& images, const Pass& pass);

  /// Everything that is stored, for an optimiser. The spans hold padding and are laid out as oneDNN likes;
  /// both in the same way.
  struct Stored {
    const Parameter* parameter;          // knows name and layout
    std::span<float> weights, gradient;  // no gradient: not trained, a moving average
  };
  std::vector<Stored> stored();
  /// Who is told what every thread does; {} for nobody.
  void profile(Profile told);
  struct LayerWork {
    std::string layer, part, kernel;
    double flops;  // for each image
  };
  /// What the multiplications of the last batch size cost, and what code does them.
  std::vector<LayerWork> work() const;

  /// Makes ready for batches of that many images.
  void plan(std::size_t images);
  /// A layer, for people.
  struct LayerRow {
    std::string layer;
    Shape output;
    std::size_t parameters;
    double flops;        // of an image's forward pass
    std::string kernel;  // of the forward pass, others where they are slow; "" where nothing is multiplied
  };
  /// As planned last.
  std::vector<LayerRow> rows() const;
  /// What is allocated for the batch planned last, on that many threads; the scratch memory of kernels is
  /// left out.
  NetworkMemory taken(int threads) const;

  /// To be called after weights were written through stored().
  void weights_changed();

  /// Everything that load() needs, in PyTorch's names and row-major layouts: conv weight O x I x H x W, dense
  /// weight O x I, batch_norm weight, bias, running_mean and running_var.
  NamedTensors weights() const;
  /// The gradients of the trained ones, likewise.
  NamedTensors gradients() const;
  /// Throws Error naming the tensor that is missing or has another shape. Other tensors are left alone.
  void load(const NamedTensors& tensors);

 private:
  std::string pass_text(std::size_t images) const;

  Layers layers_;  // operations refer to them
  std::unique_ptr<Program> program_;
  Shape image_;
  std::size_t embedding_size_ = 0;
  Embeddings embeddings_;
};

}  // namespace twinflow::twin
