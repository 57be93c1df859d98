#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <future>
#include <map>
#include <span>
#include <vector>

#include "twinflow/ranks.h"
#include "twinflow/twin/embeddings.h"

namespace twinflow::twin {

/// Batches cut into equal shares, each of which goes through the network by itself, on one of the ranks. The
/// loss is that of the whole batch: every rank is given all embeddings. Gradients are added in pairs of
/// neighbouring shares (sum_in_pairs), wherever these are, so that the same number of shares gives the same
/// bits for any number of ranks. Used by one thread.
///
/// With a batch per rank (Li et al. 2020, "PyTorch Distributed") each batch is one share, whose loss is its
/// own: gradients are added likewise, embeddings stay where they are.
class Shares {
 public:
  /// `count`: of each batch; 0: one for each rank. `ranks`: nullptr for a process by itself, which takes all.
  /// Throws Error when the ranks cannot divide them so, or differ in their processors.
  Shares(std::size_t count, Ranks* ranks, bool batch_per_rank = false);

  /// Batches of a step.
  std::size_t batches() const { return batch_per_rank_ ? count_ : 1; }
  /// Which of them is this rank's.
  std::size_t batch() const { return batch_per_rank_ ? first_ : 0; }

  /// First images of this rank's shares of a batch of that many, and the end of the last one. Throws Error
  /// when there are fewer images than shares.
  std::vector<std::size_t> own(std::size_t images) const;

  /// Takes note of what a share's pass has noted (Network::noted) and sets it to 0.
  void note(const std::vector<std::span<float>>& noted);
  /// `embeddings`: of the whole batch; the rows of this rank's shares are there, the others come (those of
  /// other batches do not). `noted` becomes the sum over all shares of what was noted.
  void exchange(Embeddings& embeddings, const std::vector<std::span<float>>& noted);

  /// Figures of a batch become their means over the batches of the step.
  using Figures = std::array<double, 6>;
  void mean(Figures& figures);

  /// Gradients of this rank's share `i` (0, 1, ...), which become sums over all shares by the time that
  /// wait() returns after the last one. In the same pieces for every share.
  void add(std::size_t i, std::vector<std::span<float>> gradients);
  void wait();

  /// Hashes (StableHash) of what every rank has to have alike.
  struct Digests {
    std::uint64_t weights = 0, distance = 0, proxies = 0, optimizer = 0, average = 0, counters = 0;
  };
  /// Throws Error, naming the rank and what differs, where one is another than the first rank's.
  void require_same(const Digests& digests);

  /// Time that exchange(), mean() and wait() have waited for other ranks, since the last call.
  double waited();

 private:
  std::size_t first_image(std::size_t share, std::size_t images) const { return images * share / count_; }
  void require_same_processors();

  Ranks* ranks_;
  bool batch_per_rank_;
  std::size_t count_, own_, first_;  // shares: of a batch, this rank's, the first of these
  int embeddings_channel_ = 0, gradients_channel_ = 0;
  std::vector<float> noted_;  // of this rank's shares, one after the other
  /// Sums over 1, 2, 4, ... shares that wait for their neighbours', by where the gradient lies.
  std::vector<std::map<const float*, std::vector<float>>> waiting_;
  std::vector<std::future<void>> under_way_;
  double waited_ = 0.0;  // seconds
};

}  // namespace twinflow::twin
