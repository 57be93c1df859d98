#include "signals.h"

#include <atomic>
#include <iterator>

namespace twinflow {

namespace {

std::atomic<int> noted{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler writes it");

}  // namespace

SignalGuard::SignalGuard() {
  noted = 0;
  struct sigaction action = {};
  action.sa_flags = SA_RESTART;  // a signal must not make writes fail
  action.sa_handler = [](int signal) {
    noted = signal;
    if (signal == SIGINT) ::signal(SIGINT, SIG_DFL);
  };
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &action, &old_[i]);
  if (old_[3].sa_handler == SIG_IGN) sigaction(SIGHUP, &old_[3], nullptr);  // as nohup wants it
}

SignalGuard::~SignalGuard() {
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &old_[i], nullptr);
}

int SignalGuard::received() { return noted; }

}  // namespace twinflow
