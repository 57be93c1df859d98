#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace twinflow {

/// A pixel as networks see it, in [0, 1].
inline float unit_pixel(std::uint8_t pixel) { return static_cast<float>(pixel) / 255.0f; }

/// The pixels of a data set: 8 bit, count x channels x height x width. Filled once, then only read, by any
/// thread.
struct PixelStore {
  std::size_t channels = 1, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;

  std::size_t image_size() const { return channels * height * width; }
  std::size_t count() const { return image_size() == 0 ? 0 : pixels.size() / image_size(); }
};

/// One N-way k-shot task: which class is the query's? Images are named by their index in the data set.
struct Task {
  std::vector<std::size_t> support;   // N * k images
  std::vector<std::int32_t> ways;     // for each support image, which of 0 .. N-1 it shows
  std::vector<std::size_t> queries;   // any number
  std::vector<std::int32_t> answers;  // for each query, its true way
};

/// Classes, in groups (alphabets, families), with their images, each by somebody (a drawer). A constant: made
/// once, immutable and safe to read from any thread. Parts of one data set share its pixels.
class Dataset {
 public:
  static constexpr const char* port_type = "dataset";

  struct Class {
    std::string name;                 // unique within its group
    std::size_t group = 0;            // index into groups
    std::vector<std::size_t> images;  // indices into the pixel store
  };

  std::string description;           // for people: "omniglot, 30 background alphabets"
  std::string group_word = "group";  // what a group is called in sentences: "alphabet"
  std::shared_ptr<const PixelStore> store = std::make_shared<PixelStore>();
  std::vector<std::string> groups;
  std::vector<Class> classes;
  std::vector<std::int32_t> drawers;  // for each image of the store; who made it, or empty when nobody knows
  std::vector<Task> tasks;            // fixed tasks (official runs) that this data set is for; mostly empty

  std::span<const std::uint8_t> image(std::size_t index) const {
    return {store->pixels.data() + index * store->image_size(), store->image_size()};
  }
  std::size_t image_count() const {  // in classes; the store may hold more
    std::size_t count = 0;
    for (const Class& one : classes) count += one.images.size();
    return count;
  }
  /// For each group, the classes in it.
  std::vector<std::vector<std::size_t>> classes_by_group() const {
    std::vector<std::vector<std::size_t>> members(groups.size());
    for (std::size_t i = 0; i < classes.size(); ++i) members[classes[i].group].push_back(i);
    return members;
  }
};

}  // namespace twinflow
