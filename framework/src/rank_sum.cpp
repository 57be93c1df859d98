#include "rank_sum.h"

#include <algorithm>

#include "twinflow/bf16.h"
#include "twinflow/ranks.h"

namespace twinflow {

namespace {

/// As many at least, whose values do not matter.
template <class Number>
void need(std::vector<Number>& room, std::size_t count) {
  if (room.size() < count) room.resize(count);
}

/// Large enough to be worth a message, or a sum, of its own.
bool large(std::span<const float> numbers) { return numbers.size() >= std::size_t{64} << 10; }

}  // namespace

void sum_in_pairs(std::span<float* const> arrays, std::size_t count) {
  constexpr std::size_t block = 4096;  // that of all arrays stays in the cache
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    for (std::size_t apart = 1; apart < arrays.size(); apart *= 2)
      for (std::size_t a = 0; a + apart < arrays.size(); a += 2 * apart) {
        float* __restrict to = arrays[a];
        const float* __restrict from = arrays[a + apart];
        for (std::size_t i = begin; i < end; ++i) to[i] += from[i];
      }
  }
}

RankSum::RankSum(int channel, Pieces numbers, Connection::Reduce reduce, bool bf16, Room& room)
    : channel_(channel), numbers_(std::move(numbers)), reduce_(reduce), bf16_(bf16), room_(room) {
  for (const std::span<float> one : numbers_) count_ += one.size();
}

std::unique_ptr<Communicator::Exchange> RankSum::next(Communicator& communicator, std::uint64_t& sent) {
  rank_ = communicator.rank();
  size_ = communicator.size();
  if (size_ == 1) return nullptr;
  if (reduce_ == Connection::Reduce::fast) return next_fast(communicator, sent);
  switch (phase_++) {
    case 0:
      return scatter(communicator, sent);
    case 1:
      sum_mine();
      return collect(communicator, sent);
    default:
      if (bf16_) widen_others();
      return nullptr;
  }
}

/// Small ones together, then the large ones, each by itself.
RankSum::Exchange RankSum::next_fast(Communicator& communicator, std::uint64_t& sent) {
  if (phase_ == 0) {
    room_.numbers.clear();
    for (const std::span<float> one : numbers_)
      if (!large(one)) room_.numbers.insert(room_.numbers.end(), one.begin(), one.end());
    phase_ = 1;
    return communicator.start_sum(room_.numbers, sent);
  }
  if (phase_ == 1) {
    const float* from = room_.numbers.data();
    for (const std::span<float> one : numbers_) {
      if (large(one)) continue;
      std::copy_n(from, one.size(), one.data());
      from += one.size();
    }
  }
  while (phase_ <= numbers_.size())
    if (const std::span<float> one = numbers_[phase_++ - 1]; large(one))
      return communicator.start_sum(one, sent);
  return nullptr;
}

std::size_t RankSum::begin(int rank) const {
  constexpr std::size_t line = 16;  // floats of a cache line
  const std::size_t lines = (count_ + line - 1) / line;
  return std::min(count_, lines * static_cast<std::size_t>(rank) / static_cast<std::size_t>(size_) * line);
}

RankSum::Pieces RankSum::part(int rank) const {
  Pieces pieces;
  std::size_t at = 0;
  for (const std::span<float> one : numbers_) {
    const std::size_t from = std::max(begin(rank), at), to = std::min(begin(rank + 1), at + one.size());
    if (from < to) pieces.push_back(one.subspan(from - at, to - from));
    at += one.size();
  }
  return pieces;
}

RankSum::Exchange RankSum::scatter(Communicator& communicator, std::uint64_t& sent) {
  std::vector<Communicator::Outgoing> out;
  std::vector<Communicator::Incoming> in;
  const std::size_t others = length(rank_) * static_cast<std::size_t>(size_ - 1);
  if (bf16_) {
    need(room_.out, count_);
    need(room_.in, std::max(others, count_));
  } else {
    need(room_.numbers, others);
  }
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    if (bf16_) {
      std::uint16_t* to = room_.out.data() + begin(other);
      for (const std::span<float> one : part(other)) to = std::transform(one.begin(), one.end(), to, to_bf16);
      out.push_back({other, std::as_bytes(std::span(room_.out).subspan(begin(other), length(other)))});
      in.push_back({other, std::as_writable_bytes(std::span(room_.in).subspan(slot(other), length(rank_)))});
      continue;
    }
    for (const std::span<float> one : part(other)) out.push_back({other, std::as_bytes(one)});
    std::span<float> room = std::span(room_.numbers).subspan(slot(other));
    for (const std::span<float> one : part(rank_)) {  // cut as the other one cuts it
      in.push_back({other, std::as_writable_bytes(room.first(one.size()))});
      room = room.subspan(one.size());
    }
  }
  for (const Communicator::Outgoing& one : out) sent += one.bytes.size();
  return communicator.start(out, in, channel_);
}

void RankSum::sum_mine() {
  constexpr std::size_t block = 16384;
  const auto ranks = static_cast<std::size_t>(size_);
  if (bf16_) need(room_.widened, block * ranks);
  std::vector<float*> arrays(ranks);
  std::size_t at = 0;  // of my part
  for (const std::span<float> one : part(rank_)) {
    for (std::size_t first = 0; first < one.size(); first += block) {
      const std::size_t count = std::min(block, one.size() - first);
      float* const mine = one.data() + first;
      for (int other = 0; other < size_; ++other) {
        float*& array = arrays[static_cast<std::size_t>(other)];
        if (other == rank_) {
          array = mine;
        } else if (bf16_) {
          array = room_.widened.data() + block * static_cast<std::size_t>(other);
          const std::uint16_t* const from = room_.in.data() + slot(other) + at;
          std::transform(from, from + count, array, from_bf16);
        } else {
          array = room_.numbers.data() + slot(other) + at;
        }
      }
      sum_in_pairs(arrays, count);
      if (rank_ > 0) std::copy_n(arrays[0], count, mine);
      if (bf16_) {  // all ranks go on with what is sent
        std::uint16_t* const out = room_.out.data() + begin(rank_) + at;
        std::transform(mine, mine + count, out, to_bf16);
        std::transform(out, out + count, mine, from_bf16);
      }
      at += count;
    }
  }
}

RankSum::Exchange RankSum::collect(Communicator& communicator, std::uint64_t& sent) {
  std::vector<Communicator::Outgoing> out;
  std::vector<Communicator::Incoming> in;
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    if (bf16_) {
      out.push_back({other, std::as_bytes(std::span(room_.out).subspan(begin(rank_), length(rank_)))});
      in.push_back({other, std::as_writable_bytes(std::span(room_.in).subspan(begin(other), length(other)))});
      continue;
    }
    for (const std::span<float> one : part(rank_)) out.push_back({other, std::as_bytes(one)});
    for (const std::span<float> one : part(other)) in.push_back({other, std::as_writable_bytes(one)});
  }
  for (const Communicator::Outgoing& one : out) sent += one.bytes.size();
  return communicator.start(out, in, channel_);
}

void RankSum::widen_others() {
  for (int other = 0; other < size_; ++other) {
    if (other == rank_) continue;
    const std::uint16_t* from = room_.in.data() + begin(other);
    for (const std::span<float> one : part(other)) {
      std::transform(from, from + one.size(), one.data(), from_bf16);
      from += one.size();
    }
  }
}

}  // namespace twinflow
