#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

namespace twinflow {

/// How long saves of the state take, from the first node's save() until the state is on the disk, beside the
/// grace: the time between the first signal and the end by force that the process is given by Slurm,
/// Kubernetes, ... (flowrun --grace). Safe from any thread.
class SaveTimes {
 public:
  /// `grace`: in seconds; none: nobody has said it. `say`: told once when it is too short.
  SaveTimes(std::optional<double> grace, std::function<void(const std::string&)> say)
      : grace_(grace), say_(std::move(say)) {}

  /// An item took so long, from its start until nothing of it was left: a signal waits for it,
  void item(std::chrono::steady_clock::duration time) { lengthen(item_, time); }
  /// and, where it was an epoch's last, for what is done at its end.
  void epoch_end(std::chrono::steady_clock::duration time) { lengthen(epoch_end_, time); }
  /// A state is on the disk after so many seconds.
  void saved(double seconds);
  /// The longest save; none: there was none.
  std::optional<double> longest() const;

 private:
  const std::optional<double> grace_;
  const std::function<void(const std::string&)> say_;
  using Longest = std::atomic<std::chrono::steady_clock::duration::rep>;
  static void lengthen(Longest& longest, std::chrono::steady_clock::duration time);

  Longest item_{0}, epoch_end_{0};
  mutable std::mutex mutex_;
  std::optional<double> save_;  // the longest
  bool told_ = false;
};

}  // namespace twinflow
