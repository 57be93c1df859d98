#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace twinflow {

/// XXH64 of numbers, texts and arrays, in the order in which they are added. The same on every machine and in
/// every release, unlike std::hash, so that it can be compared between processes and kept in files. Belongs
/// to one thread.
class StableHash {
 public:
  StableHash();

  void add(std::uint64_t number);
  /// The length goes first, so that nothing can move from one text or array to the next.
  void add(std::string_view text);
  void add(std::span<const float> numbers);
  void add(const std::vector<std::int64_t>& numbers);

  std::uint64_t value() const;

 private:
  void add_bytes(const void* data, std::size_t bytes);

  struct Free {
    void operator()(void* state) const;
  };
  std::unique_ptr<void, Free> state_;
};

/// XXH64 of bytes alone, without their length.
std::uint64_t stable_hash(std::span<const std::uint8_t> bytes);

}  // namespace twinflow
