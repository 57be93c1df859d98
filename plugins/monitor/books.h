#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <future>
#include <memory>

#include "kept_models.h"

namespace twinflow::monitor {

/// A model that was given to the writing thread.
struct Given {
  Measured model;
  std::shared_ptr<std::atomic<bool>> written;  // its file is there, or not needed after what came before it
  std::shared_future<bool> done;               // the thread is through with it

  bool failed() const {
    return !*written && done.valid() && done.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
};

/// What is kept. The models given last may yet fail to be written, and then what they have pushed out comes
/// back, for its file is still there: so they stand apart, and are taken anew whenever it is asked what is
/// kept. How many stand apart depends on how many were given, never on how fast the disk is: saved states of
/// equal runs are equal.
struct Books {
  KeptModels settled;
  std::deque<Given> given;

  /// As it is when all that is under way succeeds.
  KeptModels hoped() const {
    return with([](const Given& one) { return !one.failed(); });
  }
  /// As it is on the disk: on the writing thread, or when nothing is under way.
  KeptModels sure() const {
    return with([](const Given& one) { return one.written->load(); });
  }

 private:
  template <class Counts>
  KeptModels with(const Counts& counts) const {
    KeptModels kept = settled;
    for (const Given& one : given)
      if (counts(one)) kept.take(one.model);
    return kept;
  }
};

}  // namespace twinflow::monitor
