#pragma once

#include <tbb/enumerable_thread_specific.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "buffer.h"
#include "engine.h"
#include "network_memory.h"
#include "parameter.h"
#include "pass.h"
#include "twinflow/twin/shape.h"

/// A network made ready to run: activations, parameters and the operations between them. Layers add to it
/// (plan()), then settle() decides what is stored where, then forward and backward passes run.
///
/// A batch is cut into fixed shards. Operations that work image by image run shard by shard, each shard going
/// through a whole row of them in one task, on one thread, while its data is in the cache. What the backward
/// pass reads is kept for the whole batch; everything else lives in an arena per thread. No cut depends on
/// the number of threads and every sum has a fixed order, so results have the same bits for any number of
/// threads.
namespace twinflow::twin {

/// The value between two operations, for all images of a batch, the images outermost in memory.
struct Activation {
  Shape shape;
  memory::data_type type = memory::data_type::f32;
  memory::format_tag tag = memory::format_tag::nchw;
  int storage = -1;   // of the values
  int gradient = -1;  // storage of the gradient; -1 when nobody wants it

  memory::desc desc(std::size_t count) const;
};

/// Where an activation's values or gradients are. Several may share one, where one overwrites the other.
struct Storage {
  std::size_t image_bytes = 0;
  int first = -1, last = -1;  // operations that touch it
  bool whole = false;         // one buffer for the whole batch; else at `offset` in the arenas
  std::size_t offset = 0;     // bytes for each image of the largest shard
  Buffer buffer;
  std::byte* data = nullptr;  // of the whole batch

  void touch(int op);
};

class Program;

/// One shard, or the whole batch, on its way through operations.
class GhostBatchTask {
 public:
  GhostBatchTask(Program& program, Slot& slot, std::size_t shard, std::size_t first, std::size_t count)
      : shard(shard), first(first), count(count), program_(program), slot_(slot) {}

  const std::size_t shard, first, count;  // number of the shard, its first image, how many images
  std::byte* value(int activation) const;
  std::byte* gradient(int activation) const;
  bool wants_gradient(int activation) const;
  /// Where the gradient of a parameter goes that is summed over shards.
  float* gradient(const Parameter& parameter) const;
  void run(const Kernel& kernel, std::initializer_list<Argument> arguments) const {
    slot_.run(kernel, arguments);
  }
  void start(std::string_view layer) const;
  /// For a profile: what the operation did since its call, or since the last such line, was that part.
  void lap(std::string_view part) const { slot_.watch.lap(part); }

 private:
  std::byte* at(const Storage& storage) const;
  Program& program_;
  Slot& slot_;
};

/// One operation. prepare() and begin() are called before the first pass of a batch size; then forward() of
/// every shard, finish_forward(), and backward() of every shard, several shards at once on different threads.
class Operation {
 public:
  std::vector<int> inputs, outputs;
  std::vector<int> kept;  // activations that backward() reads
  std::string layer;      // whose it is; set by Program::add()

  virtual ~Operation();
  /// Runs once for the whole batch, and parallel inside, rather than once for each shard.
  virtual bool whole_batch() const { return false; }
  /// In training its results depend on which images are in a shard. Where no operation's do, small batches
  /// are cut into smaller shards than asked for, so that several threads find work.
  virtual bool depends_on_shard() const { return false; }
  /// Makes the primitives for that many images at once.
  virtual void prepare(std::size_t count) = 0;
  /// Room for what is kept between the passes of each shard.
  virtual void begin(std::size_t shards, std::size_t largest, std::size_t batch);
  virtual void forward(const GhostBatchTask& task) = 0;
  /// Notes the statistics of the pass, for keep_statistics().
  virtual void finish_forward(std::size_t shards);
  virtual void keep_statistics(const std::function<bool(const std::string& layer)>& of);
  /// Sums over the shards of the passes since they were kept, which may be summed further over ranks, or set
  /// to 0.
  virtual std::vector<std::span<float>> noted();
  virtual void backward(const GhostBatchTask& task) = 0;
  /// What begin() has made room for.
  virtual std::size_t bytes() const { return 0; }

  /// What a multiplication costs, for who reads a profile.
  struct Work {
    std::string_view part;  // as in Ran
    double flops = 0.0;     // for each image
    std::string kernel;     // who does it
  };
  /// Of a batch that was planned. Empty for what only moves memory.
  virtual std::vector<Work> work() const { return {}; }
};

/// An image of that shape has numbers, and not more than oneDNN counts (in 32 bits). Throws Error.
void require_room(Shape shape);

class Program {
 public:
  Program(Shape image, memory::data_type compute, bool training, std::size_t shard);
  ~Program();

  const bool training;
  const memory::data_type compute;  // of activations between layers and of weight copies
  const std::size_t shard;          // images of a shard, at most

  // For layers, while they are planned.
  int image() const { return 0; }  // f32, nchw
  const Activation& activation(int id) const { return activations_[id]; }
  /// `shared`: an activation whose values the new one overwrites; -1 for none.
  int add_activation(Shape shape, memory::data_type type, memory::format_tag tag, bool gradient,
                     int shared = -1, int shared_gradient = -1);
  /// The same activation in another type or layout, converted if need be.
  int as(int activation, memory::data_type type, memory::format_tag tag);
  Parameter& add_parameter(std::string name, std::vector<std::int64_t> dims, Initial initial,
                           Parameter::Kind kind);
  void add(std::unique_ptr<Operation> operation);
  /// Told of each parameter when it is added, before anything of its size is made. May throw.
  std::function<void(const Parameter&)> on_parameter;
  std::string layer;  // being planned; whose the operations are that are added
  /// Fixes what is stored where; nothing is added afterwards. `output`: the f32 result that forward() leaves.
  void settle(int output);

  // Afterwards.
  std::deque<Parameter>& parameters() { return parameters_; }
  const std::deque<Parameter>& parameters() const { return parameters_; }
  /// Copies of the weights in other layouts and types, made from the f32 ones.
  void refresh_copies();
  /// First images of the shards of that many images, and the count.
  std::vector<std::size_t> cut(std::size_t count) const;
  /// Makes ready for that many images; forward() does so, too.
  void plan(std::size_t count) { plan_batch(cut(count)); }
  /// What is allocated for the batch planned, on that many threads; primitives' scratch memory and what is
  /// kept of each channel are left out.
  NetworkMemory taken(int threads) const;
  /// `images`: the first of `count` images; they are all of the batch of `whole` images, or the part that
  /// `pass` says.
  void forward(const float* images, std::size_t count, std::size_t whole, const Pass& pass);
  void forward(const float* images, std::size_t count) { forward(images, count, count, {}); }
  /// Told of gradients once nothing more is added to them, while those of the layers below are still to come.
  using Whole = std::function<void(std::vector<std::span<float>>)>;
  /// `gradient`: of the output, count x size. Leaves every parameter's gradient.
  void backward(const float* gradient, const Whole& whole = {});
  const float* output() const;
  /// The layer that makes the first number which is not finite, in a forward pass done again; "" when there
  /// is none.
  std::string not_finite(const float* images, std::size_t count, std::size_t whole, const Pass& pass);
  void keep_statistics(const std::function<bool(const std::string& layer)>& of);
  std::vector<std::span<float>> noted();   // of all operations
  Slot& slot() { return slots_.local(); }  // of the calling thread
  /// Of the forward pass under way, and what layers then draw from; image i of a GhostBatchTask is number
  /// pass().first_image + first + i of its batch.
  const Pass& pass() const { return pass_; }
  std::size_t whole_batch() const { return whole_; }  // images of the batch that the pass is of, or a part of
  Streams random;
  Profile profile;
  const std::vector<std::unique_ptr<Operation>>& operations() const { return operations_; }

 private:
  friend class GhostBatchTask;
  struct Segment {
    std::size_t begin, end;  // operations
    bool whole;
  };
  void place(std::vector<Storage>& storages);
  void plan_batch(std::vector<std::size_t> cut);
  template <class Body>
  void each_shard(const Segment& segment, const Body& body);
  void sum_gradients();
  std::vector<std::span<float>> gradients_of(const Segment& segment);

  std::vector<Activation> activations_;
  std::vector<Storage> values_, gradients_;
  std::vector<std::unique_ptr<Operation>> operations_;
  std::vector<Segment> segments_;
  std::deque<Parameter> parameters_;
  Buffer weights_, weight_gradients_;
  std::vector<Buffer> shard_gradients_;
  std::size_t shard_gradient_size_ = 0;
  std::size_t arena_image_bytes_ = 0, largest_shard_ = 0;
  int output_ = -1;
  Pass pass_;
  std::size_t batch_ = 0;         // images of this pass
  std::size_t whole_ = 0;         // and of the batch that it is a part of
  std::vector<std::size_t> cut_;  // first image of each of its shards, and the count
  tbb::enumerable_thread_specific<Slot> slots_;
};

}  // namespace twinflow::twin
