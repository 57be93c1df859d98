#pragma once

#include <functional>
#include <thread>

namespace twinflow {

/// Starts a thread with all signals blocked, but for those of crashes: the thread of SignalGuard takes them.
/// Throws Error, saying what to do, when the system starts no further thread.
std::thread worker_thread(std::function<void()> work);

/// Throws Error, as worker_thread() does, unless so many further threads can run at once: oneTBB ends the
/// process when it cannot start one.
void require_threads(int count);

}  // namespace twinflow
