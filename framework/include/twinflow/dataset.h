#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace twinflow {

/// A pixel as networks see it, in [0, 1].
inline float unit_pixel(std::uint8_t pixel) { return static_cast<float>(pixel) / 255.0f; }

/// The pixels of a data set: 8 bit, channels x height x width an image (colours in the order red, green,
/// blue). Filled once, then only read, by any thread. Where not all images fit into memory, the first ones
/// are kept, and the others decoded whenever somebody looks at them.
struct PixelStore {
  std::size_t channels = 1, height = 0, width = 0;
  std::vector<std::uint8_t> pixels;                                 // of the images that are kept
  std::size_t decoded_count = 0;                                    // how many there are beside them,
  std::function<void(std::size_t image, std::uint8_t* to)> decode;  // and how to have one; may throw Error
  std::uint64_t decoded_hash = 0;  // of all their pixels (StableHash), so that changed files are noticed;
                                   // 0: unknown

  /// Throws Error where the pixels are not whole images, or images are to be decoded and `decode` is empty.
  void validate() const;

  std::size_t image_size() const { return channels * height * width; }
  std::size_t kept_count() const { return image_size() == 0 ? 0 : pixels.size() / image_size(); }
  std::size_t count() const { return kept_count() + decoded_count; }

  std::span<const std::uint8_t> kept(std::size_t image) const {
    return {pixels.data() + image * image_size(), image_size()};
  }
  /// Any image. It may lie in `scratch`, and is there until that is used again. Throws Error where a file
  /// cannot be decoded any more.
  std::span<const std::uint8_t> look(std::size_t image, std::vector<std::uint8_t>& scratch) const {
    if (image < kept_count()) return kept(image);
    scratch.resize(image_size());
    decode(image, scratch.data());
    return scratch;
  }
};

/// One N-way k-shot task: which class is the query's? Images are named by their index in the data set.
struct FewShotTask {
  std::vector<std::size_t> support;   // N * k images
  std::vector<std::int32_t> ways;     // for each support image, which of 0 .. N-1 it shows
  std::vector<std::size_t> queries;   // any number
  std::vector<std::int32_t> answers;  // for each query, its true way
};

/// A pair that somebody has judged. Images are named by their index in the data set.
struct ListedPair {
  std::size_t left = 0, right = 0;
  bool same = false;
};

/// Classes, in groups (alphabets, families), with their images, each by somebody (a drawer). A constant: made
/// once, immutable and safe to read from any thread. Parts of one data set share its pixels. It is validated
/// where it leaves the node that made it.
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
  std::vector<std::string> names;     // for each image of the store, its file; empty where none is of a file
  std::vector<FewShotTask> tasks;     // fixed tasks (official runs) that this data set is for; mostly empty
  std::vector<ListedPair> pairs;      // judged pairs, where the data set is a list of them; mostly empty

  /// Throws Error with the first thing that is wrong: a class without images, of a group that does not exist
  /// or whose name occurs twice in its group; an image of a class, task or pair that is not in the store;
  /// drawers or names that are not one for each image of the store; a task that contradicts itself. A data
  /// set without classes is valid. Takes time linear in what the lists hold, and does not read pixels.
  void validate() const;

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
