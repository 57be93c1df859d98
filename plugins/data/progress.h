#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>

namespace twinflow::data {

/// Says now and then how far a long loop is: "12000 of 30000 images read, 5230 a second, 4 s left".
class Progress {
 public:
  using Clock = std::chrono::steady_clock;

  Progress(std::size_t total, Clock::duration every, std::function<void(const std::string&)> say);

  void step();  // one image more is read; from any thread
  double seconds() const;

 private:
  const std::size_t total_;
  const Clock::duration every_;
  const std::function<void(const std::string&)> say_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<std::size_t> done_ = 0;
  std::mutex saying_;
  Clock::time_point said_ = start_;  // under saying_
};

}  // namespace twinflow::data
