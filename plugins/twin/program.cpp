#include "program.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "finite.h"
#include "loops.h"
#include "network.h"
#include "reorder.h"
#include "twinflow/error.h"

namespace twinflow::twin {

memory::desc Activation::desc(std::size_t count) const {
  return {{static_cast<memory::dim>(count), static_cast<memory::dim>(shape.channels),
           static_cast<memory::dim>(shape.height), static_cast<memory::dim>(shape.width)},
          type,
          tag};
}

void Storage::touch(int op) {
  first = first < 0 ? op : std::min(first, op);
  last = std::max(last, op);
}

Operation::~Operation() = default;
void Operation::begin(std::size_t, std::size_t, std::size_t) {}
void Operation::finish_forward(std::size_t) {}
void Operation::keep_statistics(const std::function<bool(const std::string&)>&) {}
std::vector<std::span<float>> Operation::noted() { return {}; }

std::byte* GhostBatchTask::at(const Storage& storage) const {
  return storage.whole ? storage.data + first * storage.image_bytes
                       : slot_.arena.data() + storage.offset * program_.largest_shard_;
}
std::byte* GhostBatchTask::value(int activation) const {
  return at(program_.values_[program_.activations_[activation].storage]);
}
std::byte* GhostBatchTask::gradient(int activation) const {
  return at(program_.gradients_[program_.activations_[activation].gradient]);
}
bool GhostBatchTask::wants_gradient(int activation) const {
  return program_.activations_[activation].gradient >= 0;
}
float* GhostBatchTask::gradient(const Parameter& parameter) const {
  return program_.shard_gradients_[shard].floats() + parameter.shard_offset;
}

void require_room(Shape shape) {
  constexpr std::size_t most = std::size_t{1} << 30;
  std::size_t room = most;
  for (const std::size_t size : {shape.channels, shape.height, shape.width}) {
    if (size == 0) throw Error("nothing is left of an image: " + shape.text());
    room /= size;
  }
  if (room == 0)
    throw Error("an image of " + shape.text() + " is too large: more than " + std::to_string(most) +
                " numbers");
}

void GhostBatchTask::start(std::string_view layer) const { slot_.watch.start(program_.profile, layer); }

Program::Program(Shape image, memory::data_type compute_, bool training_, std::size_t shard_)
    : training(training_), compute(compute_), shard(shard_) {
  one_thread();
  add_activation(image, memory::data_type::f32, memory::format_tag::nchw, false);
}

Program::~Program() = default;

int Program::add_activation(Shape shape, memory::data_type type, memory::format_tag tag, bool gradient,
                            int shared, int shared_gradient) {
  require_room(shape);
  Activation made{shape, type, tag, -1, -1};
  const std::size_t bytes = made.desc(1).get_size();
  const auto store = [&](std::vector<Storage>& storages) {
    storages.emplace_back().image_bytes = bytes;
    return static_cast<int>(storages.size()) - 1;
  };
  made.storage = shared >= 0 ? activations_[shared].storage : store(values_);
  if (gradient && training)
    made.gradient = shared_gradient >= 0 ? activations_[shared_gradient].gradient : store(gradients_);
  activations_.push_back(made);
  return static_cast<int>(activations_.size()) - 1;
}

int Program::as(int from, memory::data_type type, memory::format_tag tag) {
  const Activation given = activation(from);
  if (given.type == type && given.tag == tag) return from;
  const int to = add_activation(given.shape, type, tag, given.gradient >= 0);
  const std::string outer = layer;
  layer += ".reorder";
  add(std::make_unique<Reorder>(*this, from, to));
  layer = outer;
  return to;
}

Parameter& Program::add_parameter(std::string name, std::vector<std::int64_t> dims, Initial initial,
                                  Parameter::Kind kind) {
  for (const Parameter& other : parameters_)
    if (other.name == name) throw Error("two layers have weights called \"" + name + "\"");
  Parameter& made = parameters_.emplace_back();
  made.name = std::move(name);
  made.dims = std::move(dims);
  made.initial = initial;
  made.kind = kind;
  if (on_parameter) on_parameter(made);
  return made;
}

void Program::add(std::unique_ptr<Operation> operation) {
  operation->layer = layer;
  operations_.push_back(std::move(operation));
}

void Program::settle(int output) {
  output_ = output;
  for (std::size_t i = 0; i < operations_.size(); ++i) {
    const bool whole = operations_[i]->whole_batch();
    if (whole || segments_.empty() || segments_.back().whole)
      segments_.push_back({i, i + 1, whole});
    else
      segments_.back().end = i + 1;
  }
  // An activation that passes from one segment to another lies there for the whole batch.
  std::vector<int> value_segment(values_.size(), -1), gradient_segment(gradients_.size(), -1);
  const auto touch = [](Storage& storage, int& home, int segment, int op) {
    storage.touch(op);
    if (home >= 0 && home != segment) storage.whole = true;
    home = segment;
  };
  for (int s = 0; s < static_cast<int>(segments_.size()); ++s) {
    for (std::size_t i = segments_[s].begin; i < segments_[s].end; ++i) {
      const Operation& operation = *operations_[i];
      for (const auto* list : {&operation.inputs, &operation.outputs}) {
        for (int id : *list) {
          const Activation& one = activations_[id];
          touch(values_[one.storage], value_segment[one.storage], s, static_cast<int>(i));
          if (one.gradient >= 0)
            touch(gradients_[one.gradient], gradient_segment[one.gradient], s, static_cast<int>(i));
        }
      }
      if (training)
        for (int id : operation.kept) values_[activations_[id].storage].whole = true;
    }
  }
  values_[activations_[0].storage].whole = true;
  values_[activations_[output].storage].whole = true;
  if (activations_[output].gradient >= 0) gradients_[activations_[output].gradient].whole = true;
  place(values_);
  place(gradients_);

  std::size_t total = 0, trained = 0;
  const auto padded = [](std::size_t size) { return (size + 15) / 16 * 16; };
  for (Parameter& parameter : parameters_) total += padded(parameter.size());
  weights_.need(total * sizeof(float));
  if (training) weight_gradients_.need(total * sizeof(float));
  const bool counted_only = !weights_.data();  // or there are none
  if (!counted_only) std::fill_n(weights_.floats(), total, 0.0f);
  if (!counted_only && training) std::fill_n(weight_gradients_.floats(), total, 0.0f);
  total = 0;
  for (Parameter& parameter : parameters_) {
    if (!counted_only) parameter.weights = weights_.floats() + total;
    if (!counted_only && training && parameter.kind != Parameter::Kind::tracked)
      parameter.gradient = weight_gradients_.floats() + total;
    total += padded(parameter.size());
    parameter.shard_offset = trained;
    if (parameter.kind == Parameter::Kind::by_shard) trained += padded(parameter.size());
  }
  shard_gradient_size_ = training ? trained : 0;
}

/// First fit: each storage gets the lowest place in the arena that no storage in use at the same time holds.
void Program::place(std::vector<Storage>& storages) {
  std::vector<const Storage*> placed;
  for (Storage& storage : storages) {
    if (storage.whole || storage.first < 0) continue;
    const std::size_t size = (storage.image_bytes + 63) / 64 * 64;
    std::sort(placed.begin(), placed.end(), [](auto* a, auto* b) { return a->offset < b->offset; });
    storage.offset = 0;
    for (const Storage* other : placed) {
      const bool together = other->first <= storage.last && storage.first <= other->last;
      if (together && other->offset < storage.offset + size)
        storage.offset = std::max(storage.offset, other->offset + (other->image_bytes + 63) / 64 * 64);
    }
    placed.push_back(&storage);
    arena_image_bytes_ = std::max(arena_image_bytes_, storage.offset + size);
  }
}

std::vector<std::size_t> Program::cut(std::size_t count) const {
  constexpr std::size_t pieces = 8;  // not the number of threads: sums are taken shard by shard
  const bool fixed = training && std::any_of(operations_.begin(), operations_.end(),
                                             [](const auto& one) { return one->depends_on_shard(); });
  const std::size_t size = fixed ? shard : std::min(shard, (count + pieces - 1) / pieces);
  const std::size_t shards = count == 0 ? 0 : (count + size - 1) / size;
  std::vector<std::size_t> made{0};
  for (std::size_t i = 0; i < shards; ++i)
    made.push_back(made.back() + count / shards + (i < count % shards));
  return made;
}

void Program::plan_batch(std::vector<std::size_t> cut) {
  one_thread();
  cut_ = std::move(cut);
  const std::size_t shards = cut_.size() - 1, count = batch_ = cut_.back();
  largest_shard_ = cut_[1];
  for (auto& operation : operations_) {
    if (operation->whole_batch()) {
      operation->prepare(count);
    } else {
      operation->prepare(cut_[1]);
      operation->prepare(cut_[shards] - cut_[shards - 1]);
    }
    operation->begin(shards, largest_shard_, count);
  }
  for (auto* storages : {&values_, &gradients_}) {
    for (Storage& storage : *storages) {
      if (!storage.whole || &storage == &values_[activations_[0].storage]) continue;
      storage.buffer.need(storage.image_bytes * count);
      storage.data = storage.buffer.data();
    }
  }
  if (shard_gradients_.size() < shards) shard_gradients_.resize(shards);
  for (std::size_t i = 0; i < shards; ++i) shard_gradients_[i].need(shard_gradient_size_ * sizeof(float));
  refresh_copies();  // a new batch size may have asked for new ones
}

NetworkMemory Program::taken(int threads) const {
  NetworkMemory made;
  made.weights = weights_.size();
  made.gradients = weight_gradients_.size();
  for (const Parameter& parameter : parameters_) {
    if (parameter.kind != Parameter::Kind::tracked) made.trained += parameter.size();
    for (const Parameter::Piece& piece : parameter.pieces)
      for (const Parameter::Copy& copy : piece.copies) made.copies += copy.buffer.size();
  }
  made.passes = arena_image_bytes_ * largest_shard_ * static_cast<std::size_t>(threads);
  for (const auto* storages : {&values_, &gradients_})
    for (const Storage& storage : *storages) made.passes += storage.buffer.size();
  for (const Buffer& buffer : shard_gradients_) made.passes += buffer.size();
  for (const auto& operation : operations_) made.passes += operation->bytes();
  return made;
}

void Program::refresh_copies() {
  if (!weights_.data()) return;  // there are none, or they are only counted
  struct Refresh {
    const Parameter* parameter;
    const Parameter::Piece* piece;
    const Parameter::Copy* copy;
  };
  std::vector<Refresh> all;
  for (const Parameter& parameter : parameters_)
    for (const Parameter::Piece& piece : parameter.pieces)
      for (const Parameter::Copy& copy : piece.copies) all.push_back({&parameter, &piece, &copy});
  parallel_each(all.size(), [&](std::size_t i) {
    one_thread();
    const auto& [parameter, piece, copy] = all[i];
    Slot& mine = slot();
    mine.watch.start(profile, parameter->name);
    mine.run(copy->refresh, {{DNNL_ARG_FROM, piece->master, parameter->weights + piece->offset},
                             {DNNL_ARG_TO, copy->desc, copy->buffer.data()}});
    mine.watch.lap("copy of weights");
  });
}

template <class Body>
void Program::each_shard(const Segment& segment, const Body& body) {
  const auto work = [&](std::size_t shard, std::size_t first, std::size_t count) {
    one_thread();
    Slot& mine = slot();
    mine.arena.need(arena_image_bytes_ * largest_shard_);
    body(GhostBatchTask(*this, mine, shard, first, count));
  };
  if (segment.whole)
    work(0, 0, batch_);
  else
    parallel_each(cut_.size() - 1, [&](std::size_t i) { work(i, cut_[i], cut_[i + 1] - cut_[i]); });
}

void Program::forward(const float* images, std::size_t count, std::size_t whole, const Pass& pass) {
  pass_ = pass;
  whole_ = whole;
  std::vector<std::size_t> shards;
  if (pass.share)
    shards = cut(count);
  else
    for (const std::size_t first : cut(whole))
      if (first >= pass.first_image && first <= pass.first_image + count)
        shards.push_back(first - pass.first_image);
  if (shards != cut_) plan_batch(std::move(shards));
  // Only read: no operation writes to the images.
  values_[activations_[0].storage].data = reinterpret_cast<std::byte*>(const_cast<float*>(images));
  for (const Segment& segment : segments_) {
    each_shard(segment, [&](const GhostBatchTask& task) {
      for (std::size_t i = segment.begin; i < segment.end; ++i) {
        task.start(operations_[i]->layer);
        operations_[i]->forward(task);
        task.lap("forward");
      }
    });
  }
  if (!pass.again)
    for (auto& operation : operations_) operation->finish_forward(cut_.size() - 1);
}

std::string Program::not_finite(const float* images, std::size_t count, std::size_t whole, const Pass& pass) {
  forward(images, count, whole, pass);  // what passes from one segment to the next is there from now on
  std::atomic<std::size_t> first = operations_.size();
  for (const Segment& segment : segments_) {
    each_shard(segment, [&](const GhostBatchTask& task) {
      for (std::size_t i = segment.begin; i < segment.end && i < first; ++i) {
        operations_[i]->forward(task);
        for (const int id : operations_[i]->outputs) {
          const Activation& made = activations_[id];
          const std::size_t numbers =
              made.desc(task.count).get_size() / (made.type == memory::data_type::bf16 ? 2 : 4);
          const bool finite =
              made.type == memory::data_type::bf16
                  ? all_finite({reinterpret_cast<const std::uint16_t*>(task.value(id)), numbers})
                  : all_finite({reinterpret_cast<const float*>(task.value(id)), numbers});
          if (finite) continue;
          std::size_t known = first;
          while (i < known && !first.compare_exchange_weak(known, i)) {
          }
        }
      }
    });
    if (first < operations_.size()) return operations_[first]->layer;
  }
  return "";
}

void Program::keep_statistics(const std::function<bool(const std::string&)>& of) {
  for (auto& operation : operations_) operation->keep_statistics(of);
}

std::vector<std::span<float>> Program::noted() {
  std::vector<std::span<float>> all;
  for (auto& operation : operations_)
    for (const std::span<float> one : operation->noted()) all.push_back(one);
  return all;
}

/// The gradients that are whole once backward() has gone through a segment, as its operations write them.
std::vector<std::span<float>> Program::gradients_of(const Segment& segment) {
  std::vector<std::span<float>> all;
  for (Parameter& one : parameters_)
    if (one.kind == Parameter::Kind::by_batch &&
        std::any_of(operations_.begin() + static_cast<std::ptrdiff_t>(segment.begin),
                    operations_.begin() + static_cast<std::ptrdiff_t>(segment.end),
                    [&](const auto& operation) { return operation->layer == layer_of(one.name); }))
      all.emplace_back(one.gradient, one.size());
  return all;
}

void Program::backward(const float* gradient, const Whole& whole) {
  const Activation& output = activations_[output_];
  if (output.gradient < 0) return;  // nothing in it learns
  Storage& storage = gradients_[output.gradient];
  std::memcpy(storage.data, gradient, batch_ * storage.image_bytes);
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    each_shard(*segment, [&](const GhostBatchTask& task) {
      for (std::size_t i = segment->end; i-- > segment->begin;) {
        task.start(operations_[i]->layer);
        operations_[i]->backward(task);
        task.lap("backward");
      }
    });
    if (!whole) continue;
    if (auto done = gradients_of(*segment); !done.empty()) whole(std::move(done));
  }
  sum_gradients();
  if (!whole) return;
  std::vector<std::span<float>> rest;
  for (Parameter& one : parameters_)
    if (one.kind == Parameter::Kind::by_shard) rest.emplace_back(one.gradient, one.size());
  if (!rest.empty()) whole(std::move(rest));
}

void Program::sum_gradients() {
  std::vector<const float*> sources;
  for (std::size_t i = 0; i + 1 < cut_.size(); ++i) sources.push_back(shard_gradients_[i].floats());
  struct Range {
    const std::string& name;
    float* out;
    std::size_t shard_offset, size;
  };
  constexpr std::size_t length = 16384;
  std::vector<Range> ranges;
  for (Parameter& parameter : parameters_) {
    if (parameter.kind != Parameter::Kind::by_shard) continue;
    for (std::size_t at = 0; at < parameter.size(); at += length)
      ranges.push_back({parameter.name, parameter.gradient + at, parameter.shard_offset + at,
                        std::min(length, parameter.size() - at)});
  }
  parallel_each(ranges.size(), [&](std::size_t i) {
    const Range& range = ranges[i];
    Stopwatch watch;
    watch.start(profile, range.name);
    std::vector<const float*> from = sources;
    for (const float*& source : from) source += range.shard_offset;
    sum_in_order(range.out, from.data(), from.size(), 0, range.size);
    watch.lap("sum over shards");
  });
}

const float* Program::output() const {
  return reinterpret_cast<const float*>(values_[activations_[output_].storage].data);
}

}  // namespace twinflow::twin
