#include "progress.h"

#include <fmt/format.h>

#include <utility>

namespace twinflow::data {

Progress::Progress(std::size_t total, Clock::duration every, std::function<void(const std::string&)> say)
    : total_(total), every_(every), say_(std::move(say)) {}

void Progress::step() {
  const std::size_t done = ++done_;
  const std::unique_lock lock(saying_, std::try_to_lock);
  if (!lock || done == total_ || Clock::now() - said_ < every_) return;
  said_ = Clock::now();
  const double rate = static_cast<double>(done) / seconds();
  say_(fmt::format("{} of {} images read, {:.0f} a second, {:.0f} s left", done, total_, rate,
                   static_cast<double>(total_ - done) / rate));
}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

}  // namespace twinflow::data
