#include "save_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinflow {

void SaveTimes::item(std::chrono::steady_clock::duration time) {
  auto longest = item_.load();
  while (time.count() > longest && !item_.compare_exchange_weak(longest, time.count())) {
  }
}

void SaveTimes::saved(double seconds) {
  std::string warning;
  {
    const std::lock_guard lock(mutex_);
    save_ = std::max(save_.value_or(0.0), seconds);
    const double item =
        std::chrono::duration<double>(std::chrono::steady_clock::duration(item_.load())).count();
    if (!grace_ || told_ || *save_ + item <= *grace_) return;
    told_ = true;
    warning = fmt::format(
        "warning: to end after a signal takes up to {:.2f} s ({:.2f} s for saving the state{}), but --grace "
        "says that there are {:g} s: a run that is ended by force goes on from the state saved before",
        *save_ + item, *save_, item > 0 ? fmt::format(", {:.2f} s for an item", item) : "", *grace_);
  }
  say_(warning);
}

std::optional<double> SaveTimes::longest() const {
  const std::lock_guard lock(mutex_);
  return save_;
}

}  // namespace twinflow
