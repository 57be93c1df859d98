#include "twinflow/images.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>

#include "twinflow/dataset.h"
#include "twinflow/error.h"
#include "twinflow/memory.h"

namespace twinflow {
namespace {

constexpr std::align_val_t alignment{64};
constexpr std::size_t most_kept = std::size_t{256} << 20;  // bytes that wait for their next use

struct Pool {
  std::mutex mutex;
  std::multimap<std::size_t, void*> blocks;  // by size
  std::size_t bytes = 0;

  void drop_all() noexcept {
    for (const auto& [size, block] : blocks) ::operator delete(block, alignment);
    blocks.clear();
    bytes = 0;
  }
};

Pool& pool() {
  static Pool* const one = new Pool;  // never destroyed: buffers in static objects may outlive everything
  return *one;
}

/// One plane. After a quarter turn counter-clockwise, the pixel (row, column) is what (column, last - row)
/// was.
void read_plane(const std::uint8_t* from, float* to, std::size_t height, std::size_t width, int turns) {
  if (turns == 0) {
    for (std::size_t i = 0; i < height * width; ++i) to[i] = unit_pixel(from[i]);
    return;
  }
  const std::size_t last = width - 1;
  for (std::size_t row = 0; row < height; ++row)
    for (std::size_t column = 0; column < width; ++column) {
      const std::size_t place = turns == 1   ? column * width + (last - row)
                                : turns == 2 ? (last - row) * width + (last - column)
                                             : (last - column) * width + row;
      to[row * width + column] = unit_pixel(from[place]);
    }
}

}  // namespace

void* take_block(std::size_t bytes) {
  {
    Pool& all = pool();
    const std::lock_guard lock(all.mutex);
    if (const auto found = all.blocks.find(bytes); found != all.blocks.end()) {
      void* const block = found->second;
      all.blocks.erase(found);
      all.bytes -= bytes;
      return block;
    }
  }
  if (bytes > most_kept)  // of smaller ones the few in flight do no harm
    require_memory(usable_memory(), static_cast<double>(bytes), "a batch of images",
                   "make fewer images a batch, or smaller ones, or have fewer batches in flight "
                   "(--max-in-flight)");
  return with_memory_for(
      [&] { return fmt::format("the {:.1f} MB of a batch of images", 1e-6 * static_cast<double>(bytes)); },
      [&] { return ::operator new(bytes, alignment); });
}

void give_block_back(void* block, std::size_t bytes) noexcept {
  try {
    Pool& all = pool();
    const std::lock_guard lock(all.mutex);
    if (bytes <= most_kept) {
      if (all.bytes + bytes > most_kept) all.drop_all();  // or sizes that nobody asks for any more would stay
      all.blocks.emplace(bytes, block);
      all.bytes += bytes;
      return;
    }
  } catch (const std::bad_alloc&) {  // no room to note it down
  }
  ::operator delete(block, alignment);
}

Images::Images(std::shared_ptr<const PixelStore> store_, std::vector<Shot> shots_)
    : count(shots_.size()),
      channels(store_->channels),
      height(store_->height),
      width(store_->width),
      store(std::move(store_)),
      shots(std::move(shots_)) {
  if (height == width) return;
  for (const Shot& shot : shots)
    if (shot.turns != 0)
      throw Error(fmt::format("an image of {} x {} pixels cannot be turned by 90 degrees: it is not square",
                              width, height));
}

void Images::read() {
  if (!unread()) return;
  Images made(count, channels, height, width);
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) {
    std::vector<std::uint8_t> scratch;
    const auto from = store->look(shots[i].image, scratch);
    for (std::size_t channel = 0; channel < channels; ++channel)
      read_plane(&from[channel * plane_size()], made.plane(i, channel), height, width, shots[i].turns);
  });
  *this = std::move(made);
}

namespace {

void keep(Images& images, std::size_t begin, std::size_t end) {
  if (images.unread()) {
    images.shots = {images.shots.begin() + static_cast<std::ptrdiff_t>(begin),
                    images.shots.begin() + static_cast<std::ptrdiff_t>(end)};
    images.count = images.shots.size();
    return;
  }
  Images kept(end - begin, images.channels, images.height, images.width);
  std::copy_n(images.image(begin), kept.pixels.size(), kept.pixels.data());
  images = std::move(kept);
}

template <class Batch>
void keep_share(Batch& batch, int rank, int size) {
  if (size == 1 || batch.is_share) return;
  const auto bound = [&](int r) {
    return batch.whole() * static_cast<std::size_t>(r) / static_cast<std::size_t>(size);
  };
  batch.first = bound(rank);
  batch.is_share = true;
  keep(batch.images, bound(rank), bound(rank + 1));
}

/// Images that are still in a data set.
void validate_shots(const Images& images) {
  const PixelStore& store = *images.store;
  store.validate();
  if (images.shots.size() != images.count)
    throw Error(fmt::format("it has {} unread images, but names {} of its data set", images.count,
                            images.shots.size()));
  if (images.channels != store.channels || images.height != store.height || images.width != store.width)
    throw Error(fmt::format("its images are {} x {} x {}, but those of their data set {} x {} x {}",
                            images.channels, images.height, images.width, store.channels, store.height,
                            store.width));
  for (const Shot& shot : images.shots) {
    if (shot.image >= store.count())
      throw Error(fmt::format("it names image {} of a data set of {}", shot.image, store.count()));
    if (shot.turns < 0 || shot.turns > 3 || (shot.turns != 0 && images.height != images.width))
      throw Error(fmt::format("image {} of {} x {} pixels cannot be turned by {} quarters", shot.image,
                              images.width, images.height, shot.turns));
  }
}

template <class Batch>
void validate_images(const Batch& batch) {
  const Images& images = batch.images;
  const std::size_t whole = batch.whole();
  if (whole == 0) throw Error("it is empty");
  if (batch.is_share ? batch.first > whole || images.count > whole - batch.first
                     : batch.first != 0 || images.count != whole)
    throw Error(fmt::format("it has {} images from number {} on, but labels for {}", images.count,
                            batch.first, whole));
  if (images.unread()) return validate_shots(images);
  if (images.pixels.empty() && !images.shots.empty())
    throw Error("it names images of a data set, but has no pixel store");
  // By division, as the product may be too large for its type.
  std::size_t left = images.pixels.size();
  bool good = true;
  for (const std::size_t size : {images.count, images.channels, images.height, images.width}) {
    good &= size != 0 && left % size == 0;
    if (good) left /= size;
  }
  if (images.count == 0 ? !images.pixels.empty() : !good || left != 1)
    throw Error(
        fmt::format("it has {} pixel values for {} images of {} x {} x {} (channels x height x width)",
                    images.pixels.size(), images.count, images.channels, images.height, images.width));
}

}  // namespace

void ImageBatch::validate() const {
  validate_images(*this);
  const std::int32_t most = class_count == 0
                                ? std::numeric_limits<std::int32_t>::max()
                                : static_cast<std::int32_t>(std::min<std::size_t>(
                                      class_count - 1, std::numeric_limits<std::int32_t>::max()));
  for (const std::int32_t id : classes) {
    if (id < 0) throw Error(fmt::format("it has the class id {}, which is negative", id));
    if (id > most) throw Error(fmt::format("it has the class id {}, but {} classes", id, class_count));
  }
}

void PairBatch::validate() const {
  validate_images(*this);
  if (label_of_same > 1) throw Error(fmt::format("its label of 'same' is {}, not 0 or 1", label_of_same));
  for (const std::uint8_t label : labels)
    if (label > 1) throw Error(fmt::format("it has the label {}, not 0 or 1", label));
}

void take_share(ImageBatch& batch, int rank, int size) { keep_share(batch, rank, size); }
void take_share(PairBatch& batch, int rank, int size) { keep_share(batch, rank, size); }

}  // namespace twinflow
