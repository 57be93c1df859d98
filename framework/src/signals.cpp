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
  for (std::size_t i = 0; i < std::size(signals); ++i) {
    sigaction(signals[i], &action, &old_[i]);
    const bool may_be_ignored = signals[i] == SIGHUP || signals[i] == SIGPIPE;  // as nohup wants it
    if (may_be_ignored && old_[i].sa_handler == SIG_IGN) sigaction(signals[i], &old_[i], nullptr);
  }
  action.sa_handler = SIG_IGN;
  sigaction(SIGXFSZ, &action, &old_file_size_);

  sigset_t sent;  // by others; SIGPIPE comes to the thread that writes
  sigemptyset(&sent);
  for (const int signal : signals)
    if (signal != SIGPIPE) sigaddset(&sent, signal);
  pthread_sigmask(SIG_BLOCK, &sent, &old_mask_);
  receiver_ = std::thread([this, sent] {
    pthread_sigmask(SIG_UNBLOCK, &sent, nullptr);
    over_.acquire();
  });
}

SignalGuard::~SignalGuard() {
  over_.release();
  receiver_.join();
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  sigaction(SIGXFSZ, &old_file_size_, nullptr);
  for (std::size_t i = 0; i < std::size(signals); ++i) sigaction(signals[i], &old_[i], nullptr);
}

int SignalGuard::received() { return noted; }

}  // namespace twinflow
