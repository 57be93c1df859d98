#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "twinflow/communicator.h"

namespace twinflow {

/// What the ranks of a run do together. All ranks must call the same functions in the same order on a
/// channel; different channels are independent of each other. The messages are moved by a thread of its own,
/// so that they travel while the caller computes. Safe from any thread, one at a time for a channel;
/// channel() is for one thread.
///
/// A rank that does not answer within the connection's timeout makes the operation fail, here and on every
/// other rank that waits for it: Error names the operation, and rank and host of who is missing. So does a
/// rank that has failed by itself (fail()), at once. After that nothing works any more, and every call's
/// future throws.
class Ranks {
 public:
  /// Connects. Throws Error when that fails.
  explicit Ranks(const Connection& connection);
  /// Leaves, once all that was begun has ended. After a failure it ends all ranks, this process included
  /// (Communicator::abort): the first rank at once, the others ten seconds later, if they still live.
  ~Ranks();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool first() const { return rank_ == 0; }
  /// "rank 2 of 4 (its host)"
  std::string name(int rank) const;
  /// One more channel. Asked for in the same order on all ranks. `fast_sums`: its sums are the communicator's
  /// own where the connection says `reduce = "fast"`; of one channel at most, the first that asks.
  int channel(bool fast_sums = false);

  /// Everybody's bytes: `all[r]` is the room for those of rank r, as many as that rank gives. The memory
  /// belongs to this call until the future is ready. `what`: in words, for errors.
  std::future<void> gather(int channel, std::span<const std::byte> mine,
                           std::vector<std::span<std::byte>> all, std::string what);
  /// Everybody's value, by rank; waits for them.
  template <class Value>
  std::vector<Value> values(int channel, const Value& mine, std::string what) {
    static_assert(std::is_trivially_copyable_v<Value> && !std::is_same_v<Value, bool>);
    std::vector<Value> all(static_cast<std::size_t>(size_));
    std::vector<std::span<std::byte>> room;
    for (Value& one : all) room.push_back(std::as_writable_bytes(std::span(&one, 1)));
    gather(channel, std::as_bytes(std::span(&mine, 1)), std::move(room), std::move(what)).get();
    return all;
  }
  /// Replaces numbers by their sums over all ranks. Neighbours are added in pairs, then neighbours among
  /// these sums, and so on (sum_in_pairs): every rank gets the same bits. Each rank sums a part of the
  /// numbers and sends that to the others: it sends and receives less than twice their size, however many
  /// ranks there are. Otherwise where the connection says so: rounded to bf16 on the way, both ways
  /// (Connection::bf16); in another order (channel()). The memory belongs to this call until the future is
  /// ready. Of one channel, sums may be begun before the ones before have ended.
  std::future<void> sum(int channel, std::vector<std::span<float>> numbers, std::string what);

  /// From now on leaving means abort(): this rank's run has failed.
  void fail();
  /// By this rank, until now.
  std::uint64_t bytes_sent() const;
  /// For how many seconds messages were under way, or waited for.
  double busy() const;

 private:
  class Work;
  int rank_ = 0, size_ = 1, channels_ = 0, fast_channel_ = -1;
  std::vector<std::string> hosts_;
  std::unique_ptr<Work> work_;
};

/// The sums of arrays of `count` numbers, added as ((0 + 1) + (2 + 3)) + (4 + 5): neighbours in pairs, one
/// that is left over as it is, until one is left. It is left in the first array; the others are spoilt.
void sum_in_pairs(std::span<float* const> arrays, std::size_t count);

}  // namespace twinflow
