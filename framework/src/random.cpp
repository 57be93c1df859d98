#include "twinflow/random.h"

#include <Random123/philox.h>
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "twinflow/error.h"

namespace twinflow {

std::uint64_t stream_key(std::uint64_t seed, std::string_view node, std::string_view purpose) {
  return XXH64(purpose.data(), purpose.size(), XXH64(node.data(), node.size(), seed));
}

Random::Random(std::uint64_t key, std::uint64_t epoch, std::uint64_t index)
    : key_{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)},
      counter_{0, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
               static_cast<std::uint32_t>(epoch)} {}

void Random::refill() {
  const r123::Philox4x32::ctr_type counter{{counter_[0]++, counter_[1], counter_[2], counter_[3]}};
  const r123::Philox4x32::key_type key{{key_[0], key_[1]}};
  const auto block = r123::Philox4x32()(counter, key);
  std::copy(block.begin(), block.end(), block_);
  used_ = 0;
}

std::uint32_t Random::bits() {
  if (used_ == 4) refill();
  return block_[used_++];
}

void Random::bits(std::span<std::uint32_t> out) {
  std::size_t at = 0;
  while (at < out.size() && used_ < 4) out[at++] = bits();
  for (; at + 4 <= out.size(); at += 4) {  // whole blocks
    refill();
    std::copy_n(block_, 4, out.data() + at);
    used_ = 4;
  }
  while (at < out.size()) out[at++] = bits();
}

double Random::uniform() {
  const std::uint64_t high = bits() >> 5, low = bits() >> 6;  // 27 + 26 bits
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

std::uint64_t Random::below(std::uint64_t count) {
  if (count == 0) throw Error("cannot draw one of 0 things at random: there has to be at least one");
  const std::uint64_t reject_under = (0 - count) % count;  // 2^64 mod count: what would favour small numbers
  for (;;) {
    const std::uint64_t high = bits();
    const std::uint64_t drawn = high << 32 | bits();
    if (drawn >= reject_under) return drawn % count;
  }
}

bool Random::coin(double probability) { return uniform() < probability; }

double Random::normal() {
  const double u = 1.0 - uniform();  // (0, 1]
  const double v = uniform();
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::vector<std::size_t> Random::choose(std::size_t from, std::size_t count) {
  if (count > from)
    throw Error("cannot choose " + std::to_string(count) + " different ones out of " + std::to_string(from));
  std::vector<std::size_t> all(from);
  std::iota(all.begin(), all.end(), 0);
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + below(from - i)]);
  all.resize(count);
  return all;
}

}  // namespace twinflow
