#include "signals.h"

#include <doctest/doctest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "send_signal.h"
#include "twinflow/interrupt.h"

using namespace twinflow;

namespace {

void (*disposition(int signal))(int) {
  struct sigaction found = {};
  sigaction(signal, nullptr, &found);
  return found.sa_handler;
}

bool blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

}  // namespace

TEST_CASE(
    "a guard takes what ends a run off all threads, ignores what makes writes fail, and gives it back") {
  constexpr std::array all = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE, SIGXFSZ};
  std::vector<void (*)(int)> before;
  for (const int signal : all) before.push_back(disposition(signal));
  {
    const SignalGuard guard;
    const SignalGuard within;  // changes nothing
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
      CAPTURE(signal);
      CHECK(blocked(signal));
      bool there = false;
      std::thread([&] { there = blocked(signal); }).join();
      CHECK(there);
    }
    // No handler may run on the threads that write.
    for (const int signal : {SIGPIPE, SIGXFSZ}) CHECK((disposition(signal) == SIG_IGN));
    for (const int signal : {SIGTSTP, SIGCONT}) CHECK((disposition(signal) == SIG_DFL));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(all[i]);
    CHECK((disposition(all[i]) == before[i]));
    CHECK(!blocked(all[i]));
  }
}

TEST_CASE("the first signal is told once, and interrupts only while nodes open") {
  const SignalGuard guard;
  std::vector<std::pair<int, bool>> taken;
  std::atomic<bool> told{false};
  const auto take = [&](int signal, bool opening) {
    taken.emplace_back(signal, opening);
    told = true;
  };
  SignalGuard::begin({take, {}});
  CHECK_NOTHROW(throw_if_interrupted());
  send_signal(SIGUSR2);
  CHECK_THROWS_AS(throw_if_interrupted(), Interrupted);
  while (!told) std::this_thread::yield();  // by the guard's thread, while nodes still open
  SignalGuard::opened();
  CHECK_NOTHROW(throw_if_interrupted());
  send_signal(SIGXCPU);
  SignalGuard::detach();  // waits for the guard's thread, if that is at it
  SignalGuard::end(0);
  CHECK(taken == std::vector<std::pair<int, bool>>{{SIGUSR2, true}});
  CHECK(signal_name(SIGXCPU) == "SIGXCPU");
}

TEST_CASE("a signal that came before the run began is told when it begins") {
  const SignalGuard guard;
  SignalGuard::begin({[](int, bool) {}, {}});
  send_signal(SIGTERM);
  int told = 0;
  for (int i = 0; i < 10000 && told == 0; ++i) {  // until the thread has taken it
    SignalGuard::begin({[&](int signal, bool) { told = signal; }, {}});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  CHECK(told == SIGTERM);
  SignalGuard::detach();
  SignalGuard::end(0);
}
