#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace twinflow {

/// The run's writing thread: what it is given it does one after the other, in that order, so that what is
/// written later may rely on what was written before. Safe from any thread.
class Writer {
 public:
  /// `say`: told, from the writing thread, what could not be written. `waits`: in seconds, before the second
  /// try, the third, ...
  explicit Writer(std::function<void(const std::string&)> say, std::vector<double> waits = {0.5, 2.0, 5.0});
  /// Whatever was given is done first.
  ~Writer();

  /// See Run::later. Once something was given up, what follows is tried once, until something is written
  /// again: a disk that stays full must not hold up a run's end.
  std::shared_future<bool> later(std::string what, std::function<void()> write, bool again);
  /// How many are not done yet, the one under way included.
  std::size_t pending() const;
  /// Waits for all that was given until now.
  void drain();

 private:
  struct Job {
    std::string what;
    std::function<void()> write;
    bool again;
    std::promise<bool> done;
  };
  void work();
  bool attempt(const Job& job) noexcept;
  bool attempts(const Job& job);

  bool full_ = false;  // the writing thread's: what was tried last was given up

  const std::function<void(const std::string&)> say_;
  const std::vector<double> waits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // the first one is under way
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace twinflow
