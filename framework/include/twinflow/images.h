#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <variant>
#include <vector>

namespace twinflow {

struct PixelStore;  // twinflow/dataset.h

/// Memory for batches, aligned to 64 bytes: blocks that were given back are taken again, so that a stream of
/// batches of one size goes through the same few buffers. Safe from any thread. take_block throws
/// OutOfMemory, or Error where a large one cannot fit.
void* take_block(std::size_t bytes);
void give_block_back(void* block, std::size_t bytes) noexcept;

/// Takes such memory, and leaves new elements unset: whoever makes a buffer fills it.
template <class T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <class Other>
  BlockAllocator(const BlockAllocator<Other>&) {}

  T* allocate(std::size_t count) { return static_cast<T*>(take_block(count * sizeof(T))); }
  void deallocate(T* block, std::size_t count) noexcept { give_block_back(block, count * sizeof(T)); }
  template <class Element>
  void construct(Element* at) {
    ::new (static_cast<void*>(at)) Element;
  }
  template <class Element, class... Arguments>
  void construct(Element* at, Arguments&&... arguments) {
    ::new (static_cast<void*>(at)) Element(std::forward<Arguments>(arguments)...);
  }
  bool operator==(const BlockAllocator&) const = default;
};
using Pixels = std::vector<float, BlockAllocator<float>>;

/// An image of a data set, turned counter-clockwise by quarters.
struct Shot {
  std::size_t image = 0;  // index in the store
  int turns = 0;          // 0 .. 3; other than 0 only for square images
};

/// A stack of equally sized images: count x channels x height x width, row-major, f32. The samplers fill them
/// with values in [0, 1]; an augmentation keeps that range unless it says otherwise.
///
/// A sampler gives them out unread: as shots of a data set, whose pixels still lie there. They are read
/// before a node sees them, unless it asks for them as they are (`takes_unread`, see node.h) to read and
/// change them in one pass.
struct Images {
  std::size_t count = 0, channels = 0, height = 0, width = 0;
  Pixels pixels;  // empty while unread

  std::shared_ptr<const PixelStore> store;  // of the shots; empty once they are read
  std::vector<Shot> shots;                  // unread: one for each image

  Images() = default;
  /// The pixels are not set.
  Images(std::size_t count_, std::size_t channels_, std::size_t height_, std::size_t width_)
      : count(count_),
        channels(channels_),
        height(height_),
        width(width_),
        pixels(count_ * channels_ * height_ * width_) {}
  /// Unread. Throws Error when an image is to be turned that is not square.
  Images(std::shared_ptr<const PixelStore> store_, std::vector<Shot> shots_);

  bool unread() const { return store != nullptr; }
  /// Makes the pixels of unread images, in parallel: 0 .. 255 become 0 .. 1, none is interpolated. Does
  /// nothing to images that are read. Throws Error where an image cannot be decoded.
  void read();

  std::size_t plane_size() const { return height * width; }
  std::size_t image_size() const { return channels * plane_size(); }
  float* image(std::size_t i) { return pixels.data() + i * image_size(); }
  const float* image(std::size_t i) const { return pixels.data() + i * image_size(); }
  float* plane(std::size_t i, std::size_t channel) { return image(i) + channel * plane_size(); }
};

/// Images with their classes: every pair inside the batch counts.
struct ImageBatch {
  static constexpr const char* port_type = "image batch";
  Images images;
  std::vector<std::int32_t>
      classes;  // one per image; an id that is the same for the same class, within this batch
  /// Where it is not 0, the ids are below it, and mean the same class in every batch of the run.
  std::size_t class_count = 0;
  std::size_t first = 0;  // of a rank's share, see take_share: images begins with this one of the batch
  bool is_share = false;  // images holds some of the batch only, those of a rank; set by take_share

  /// Throws Error where sizes, class ids or references to a data set contradict each other. Does not look at
  /// pixels. Called on whatever leaves a node.
  void validate() const;
  void make_ready() { images.read(); }
  std::size_t whole() const { return classes.size(); }  // images of the batch
};

/// B pairs as 2B images: pair i is image i (left) and image B+i (right). Twins share one network, so both go
/// through it as one batch.
struct PairBatch {
  static constexpr const char* port_type = "pair batch";
  Images images;
  std::vector<std::uint8_t> labels;  // one per pair, 0 or 1
  std::uint8_t label_of_same = 0;    // which of the two means "same class"; read labels through same()
  std::size_t first = 0;             // as an ImageBatch's,
  bool is_share = false;             // and so is this

  void validate() const;  // as an ImageBatch's
  std::size_t whole() const { return 2 * labels.size(); }
  std::size_t pairs() const { return labels.size(); }
  bool same(std::size_t pair) const { return labels[pair] == label_of_same; }
  void make_ready() { images.read(); }
};

/// What an augmentation or a network takes: either kind of batch. As a port it accepts both; a map from
/// AnyBatch to AnyBatch gives out the kind it was fed.
using AnyBatch = std::variant<ImageBatch, PairBatch>;

inline Images& images_of(AnyBatch& batch) {
  return std::visit([](auto& kind) -> Images& { return kind.images; }, batch);
}

/// Leaves of a batch's images those that rank `rank` of `size` works on: from whole * rank / size up to whole
/// * (rank + 1) / size; the labels of all stay. Does nothing to a batch that is a share already.
void take_share(ImageBatch& batch, int rank, int size);
void take_share(PairBatch& batch, int rank, int size);

}  // namespace twinflow
