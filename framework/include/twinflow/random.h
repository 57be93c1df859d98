#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace twinflow {

/// Names one stream of random numbers: a hash (XXH64) of the run's seed, the node's name and the purpose.
/// Fixed for ever: golden values in tests/framework/random_test.cpp.
std::uint64_t stream_key(std::uint64_t seed, std::string_view node, std::string_view purpose);

/// Random numbers that are a pure function of (key, epoch, index, draw): Philox4x32-10 (Salmon et al. 2011,
/// "Parallel random numbers: as easy as 1, 2, 3"). Nothing is shared, so threads need no care and any item
/// can be drawn first. A Random itself is cheap to make and belongs to one thread.
class Random {
 public:
  Random(std::uint64_t key, std::uint64_t epoch, std::uint64_t index);

  std::uint32_t bits();                      // all 32 bits uniform
  void bits(std::span<std::uint32_t> out);   // the next out.size() of them, faster than one by one
  double uniform();                          // [0, 1), 53 bits
  double uniform(double low, double high);   // [low, high); low when low == high
  std::uint64_t below(std::uint64_t count);  // 0 .. count-1, unbiased; count > 0
  bool coin(double probability);             // true with that probability
  double normal();                           // mean 0, deviation 1 (Box-Muller)

  /// `count` distinct numbers of 0 .. from-1, in random order. Throws Error when count > from.
  std::vector<std::size_t> choose(std::size_t from, std::size_t count);

  template <class T>
  void shuffle(std::span<T> values) {  // Fisher-Yates
    for (std::size_t left = values.size(); left > 1; --left) std::swap(values[left - 1], values[below(left)]);
  }

 private:
  void refill();

  std::uint32_t key_[2];
  std::uint32_t counter_[4];  // draw, index low, index high, epoch
  std::uint32_t block_[4];
  int used_ = 4;
};

}  // namespace twinflow
