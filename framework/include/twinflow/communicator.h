#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace twinflow {

/// The processes that run one graph together, its ranks 0 .. size - 1, as one of them sees them. Every call
/// comes from one and the same thread, the one that connected.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Bytes that go to another rank, and room for those that come from one: as many as were sent.
  struct Outgoing {
    int to = 0;
    std::span<const std::byte> bytes;
  };
  struct Incoming {
    int from = 0;
    std::span<std::byte> bytes;
  };
  /// Messages under way. The memory they use belongs to it until done() has said true.
  class Exchange {
   public:
    /// Before they have ended: takes back what is still to come; nothing is written to the memory any more.
    virtual ~Exchange() = default;
    /// Moves them on, without waiting; true once all have been sent and have come. Throws Error when they
    /// cannot.
    virtual bool done() = 0;
    /// How much is still to be moved, in any unit: that it grows less shows that something moves.
    virtual std::size_t left() const = 0;
    /// Ranks that messages from are still to come, or to still to be taken; -1: it is not known which.
    virtual std::vector<int> missing() const = 0;
  };
  /// Starts them all. Between two ranks, messages of one channel (0, 1, ...) come in the order in which they
  /// were started; those of different channels do not wait for each other. Throws Error when it cannot.
  virtual std::unique_ptr<Exchange> start(std::span<const Outgoing> out, std::span<const Incoming> in,
                                          int channel) = 0;
  /// Replaces numbers by their sums over all ranks, in whatever order is fast; `sent` grows by what this rank
  /// sends for it, or is likely to. Sums are started in the same order on all ranks, whatever their channel.
  virtual std::unique_ptr<Exchange> start_sum(std::span<float> numbers, std::uint64_t& sent) = 0;

  /// Leaves the others, who leave as well.
  virtual void leave() = 0;
  /// Ends the processes of all ranks, this one too, where their number is known to whoever started them.
  virtual void abort() noexcept = 0;
};

/// How the ranks find each other: a component, `distributed = "mpi"` in [run].
class Connection {
 public:
  using Base = Connection;
  static constexpr const char* family = "communicator";
  std::string type;

  virtual ~Connection() = default;
  /// Throws Error when it cannot, or when this process was not started as one of several.
  virtual std::unique_ptr<Communicator> connect() const = 0;
  /// After how many seconds without an answer a rank counts as lost: more than one is ever busy by itself,
  /// with reading its data, say.
  double timeout = 300.0;
  /// How Ranks::sum adds.
  enum class Reduce {
    ordered,  // in pairs of neighbours
    fast      // as the communicator likes: Communicator::start_sum
  };
  Reduce reduce = Reduce::ordered;
  /// Numbers that are summed in order travel as bf16, half the bytes: they are rounded before they are added,
  /// but for those of the rank that adds them, and so is their sum.
  bool bf16 = false;
};

}  // namespace twinflow
