#include "worker_thread.h"

#include <signal.h>

#include <latch>
#include <system_error>
#include <vector>

#include "crash_report.h"
#include "twinflow/error.h"

namespace twinflow {

std::thread worker_thread(std::function<void()> work) {
  sigset_t all, before;
  sigfillset(&all);
  for (const int fault : crash_signals) sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread started;
  try {
    started = std::thread(std::move(work));
  } catch (const std::system_error&) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Error(
        "no further thread could be started: the limit of processes and threads is reached; raise it "
        "(ulimit -u, or pids.max of the cgroup), or use fewer threads (--threads)");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

void require_threads(int count) {
  std::latch tried(1);
  std::vector<std::thread> threads;
  const auto end = [&] {
    tried.count_down();
    for (std::thread& one : threads) one.join();
  };
  try {
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) threads.push_back(worker_thread([&] { tried.wait(); }));
  } catch (...) {
    end();
    throw;
  }
  end();
}

}  // namespace twinflow
