#include "join.h"

#include <fmt/format.h>

namespace twinflow {

std::optional<Message> Join::arrive(std::size_t port, const Message& message) {
  const std::lock_guard lock(mutex_);
  auto [at, first] = waiting_.try_emplace(message.item.step);
  Waiting& waiting = at->second;
  if (first) {
    waiting.parcels.assign(ports(), {});
    waiting.missing = connected_;
    waiting.came.assign(ports(), false);
  }
  if (waiting.came[port])
    throw Error(
        fmt::format("item {} of the epoch came twice on its input '{}'", message.item.index, ports_[port]));
  waiting.came[port] = true;
  waiting.parcels[port] = message.parcels->front();
  if (first || port == leading_) waiting.message = message;
  if (--waiting.missing > 0) return std::nullopt;
  Message complete = std::move(waiting.message);
  complete.parcels = std::make_shared<const std::vector<Parcel>>(std::move(waiting.parcels));
  waiting_.erase(at);
  return complete;
}

std::optional<Item> Join::incomplete() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->second.message.item;
}

}  // namespace twinflow
