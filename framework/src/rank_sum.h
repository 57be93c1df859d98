#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "twinflow/communicator.h"

namespace twinflow {

/// The sum of numbers over all ranks, exchange by exchange. In order: to each rank its part of the numbers,
/// which it sums (sum_in_pairs), and that part's sum to all; numbers go from and to where they lie. Belongs
/// to the thread of the communicator.
class RankSum {
 public:
  /// What sums need besides the numbers, kept from one to the next: memory that is new each time costs more
  /// than the messages do.
  struct Room {
    std::vector<float> numbers, widened;
    std::vector<std::uint16_t> out, in;
  };

  RankSum(int channel, std::vector<std::span<float>> numbers, Connection::Reduce reduce, bool bf16,
          Room& room);

  /// Starts the next one, once the one before has ended; nullptr: all is done. `sent` grows by what is sent.
  std::unique_ptr<Communicator::Exchange> next(Communicator& communicator, std::uint64_t& sent);

 private:
  using Exchange = std::unique_ptr<Communicator::Exchange>;
  using Pieces = std::vector<std::span<float>>;
  Exchange next_fast(Communicator& communicator, std::uint64_t& sent);
  Exchange scatter(Communicator& communicator, std::uint64_t& sent);
  Exchange collect(Communicator& communicator, std::uint64_t& sent);
  void sum_mine();
  void widen_others();
  /// Of what a rank sums: its first number of all, and the end.
  std::size_t begin(int rank) const;
  std::size_t length(int rank) const { return begin(rank + 1) - begin(rank); }
  Pieces part(int rank) const;
  /// Where another rank's numbers of my part are put.
  std::size_t slot(int other) const {
    return length(rank_) * static_cast<std::size_t>(other < rank_ ? other : other - 1);
  }

  const int channel_;
  const Pieces numbers_;
  const Connection::Reduce reduce_;
  const bool bf16_;
  Room& room_;
  std::size_t count_ = 0;  // of all numbers
  int rank_ = 0, size_ = 1;
  std::size_t phase_ = 0;
};

}  // namespace twinflow
