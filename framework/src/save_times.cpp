#include "save_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinflow {

void SaveTimes::lengthen(Longest& longest, std::chrono::steady_clock::duration time) {
  auto known = longest.load();
  while (time.count() > known && !longest.compare_exchange_weak(known, time.count())) {
  }
}

void SaveTimes::saved(double seconds) {
  std::string warning;
  {
    const std::lock_guard lock(mutex_);
    save_ = std::max(save_.value_or(0.0), seconds);
    const double busy =
        std::chrono::duration<double>(std::chrono::steady_clock::duration(item_ + epoch_end_)).count();
    if (!grace_ || told_ || *save_ + busy <= *grace_) return;
    told_ = true;
    warning = fmt::format(
        "warning: to end after a signal takes up to {:.2f} s ({:.2f} s for saving the state{}), but --grace "
        "says that there are {:g} s: a run that is ended by force goes on from the state saved before",
        *save_ + busy, *save_,
        busy > 0 ? fmt::format(", {:.2f} s for an item and the end of its epoch", busy) : "", *grace_);
  }
  say_(warning);
}

std::optional<double> SaveTimes::longest() const {
  const std::lock_guard lock(mutex_);
  return save_;
}

}  // namespace twinflow
