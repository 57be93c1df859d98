#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "twinflow/ports.h"

namespace twinflow {

/// What travels along the edges of the flow graph.
struct Message {
  Item item;
  std::uint64_t sequence = 0;  // of the port that emitted it, from 0 in this process: restores order
  /// One; or, after a join, one for each stream input; none of a message that starts an item. Shared, as the
  /// flow graph copies messages where an exception, for want of memory, would leave it waiting for ever.
  std::shared_ptr<const std::vector<Parcel>> parcels;
  /// Held by every message of an item: when the last one goes, another item may start. Empty for what is
  /// emitted at the end of an epoch.
  std::shared_ptr<void> ticket;
  std::chrono::steady_clock::time_point sent;
};

/// Brings together what arrives for one item on the several inputs of a node. What is joined keeps the order
/// of the first connected input.
class Join {
 public:
  /// Before the stream: the ports, and which of them are connected.
  void add_port(std::string name) { ports_.push_back(std::move(name)); }
  std::size_t ports() const { return ports_.size(); }
  void connect(std::size_t port) {
    leading_ = std::min(leading_, port);
    ++connected_;
  }

  /// The item's message when it has come on all connected ports. Any thread. Throws Error when an item comes
  /// twice on one port.
  std::optional<Message> arrive(std::size_t port, const Message& message);

  /// An item that has come on some ports only. While no item is under way.
  std::optional<Item> incomplete() const;
  void clear() { waiting_.clear(); }

 private:
  struct Waiting {
    Message message;  // of the leading port, once that has come
    std::vector<Parcel> parcels;
    std::size_t missing = 0;
    std::vector<bool> came;  // by port
  };
  std::vector<std::string> ports_;
  std::size_t connected_ = 0;
  std::size_t leading_ = std::numeric_limits<std::size_t>::max();  // its order is that of the joined stream
  std::mutex mutex_;
  std::map<std::uint64_t, Waiting> waiting_;  // by step
};

}  // namespace twinflow
