#include "signals.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "console.h"
#include "running_clock.h"
#include "twinflow/error.h"
#include "twinflow/interrupt.h"
#include "worker_thread.h"

namespace twinflow {

namespace {

std::atomic<int> noted{0}, to_thread{-1};
std::atomic<bool> opening{false};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

constexpr int interrupted_code = 3;  // see ExitCode
constexpr double enough = 5.0;       // seconds, where nothing can be lost

std::chrono::steady_clock::duration seconds(double number) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(number));
}

/// What the guard says is not said where there is no memory for it.
template <class Code>
void without_memory(const Code& code) noexcept {
  try {
    code();
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace

SignalGuard* SignalGuard::living = nullptr;

void throw_if_interrupted() {
  if (SignalGuard::received() != 0 && opening) throw Interrupted();
}

std::string signal_name(int signal) {
  const char* const name = sigabbrev_np(signal);
  return name ? std::string("SIG") + name : fmt::format("signal {}", signal);
}

void SignalGuard::handler(int signal) {
  const int error = errno;
  noted = signal;
  if (signal == SIGINT) ::signal(SIGINT, SIG_DFL);
  const char number = static_cast<char>(signal);
  // A pipe that is full has told the thread enough.
  [[maybe_unused]] const ssize_t written = write(to_thread, &number, 1);
  errno = error;
}

SignalGuard::SignalGuard() : nested_(living != nullptr) {
  if (nested_) return;
  if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0)
    throw Error(fmt::format("cannot make a pipe for signals: {}", std::strerror(errno)));
  noted = 0;
  to_thread = pipe_[1];
  sigemptyset(&mask_);
  for (const int signal : signals) sigaddset(&mask_, signal);
  pthread_sigmask(SIG_BLOCK, &mask_, &old_mask_);
  struct sigaction action = {};
  action.sa_flags = SA_RESTART;  // a signal must not make writes fail
  action.sa_handler = handler;
  for (std::size_t i = 0; i < signals.size(); ++i) {
    sigaction(signals[i], &action, &old_[i]);
    if (signals[i] == SIGHUP && old_[i].sa_handler == SIG_IGN)  // as nohup wants it
      sigaction(signals[i], &old_[i], nullptr);
  }
  action.sa_handler = SIG_IGN;
  for (std::size_t i = 0; i < ignored.size(); ++i) sigaction(ignored[i], &action, &old_ignored_[i]);
  RunningClock::beat();
  thread_ = worker_thread([this] { work(); });
  living = this;
}

SignalGuard::~SignalGuard() {
  if (nested_) return;
  living = nullptr;
  const char end = 0;
  while (write(pipe_[1], &end, 1) < 0 && errno == EAGAIN) usleep(1000);
  thread_.join();
  RunningClock::rest();
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  for (std::size_t i = 0; i < ignored.size(); ++i) sigaction(ignored[i], &old_ignored_[i], nullptr);
  for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &old_[i], nullptr);
  to_thread = -1;
  for (const int end_of_pipe : pipe_) close(end_of_pipe);
}

int SignalGuard::received() noexcept { return noted.load(std::memory_order_relaxed); }

void SignalGuard::begin(Run run) {
  SignalGuard& guard = *living;
  const std::lock_guard lock(guard.mutex_);
  guard.phase_ = Phase::opening;
  opening = true;
  guard.run_ = std::move(run);
  guard.last_words_ = "nothing was saved";
  guard.over_since_.reset();
  if (guard.signal_ != 0) guard.run_.taken(guard.signal_, true);
}

void SignalGuard::opened() {
  const std::lock_guard lock(living->mutex_);
  living->phase_ = Phase::running;
  opening = false;
}

void SignalGuard::set_last_words(std::string text) {
  const std::lock_guard lock(living->mutex_);
  living->last_words_ = std::move(text);
}

void SignalGuard::end(int exit_code) {
  const std::lock_guard lock(living->mutex_);
  living->phase_ = Phase::over;
  opening = false;
  living->exit_code_ = exit_code;
  living->over_since_ = Clock::now();
}

void SignalGuard::detach() {
  const std::lock_guard lock(living->mutex_);
  living->run_.taken = nullptr;
}

void SignalGuard::work() {
  pthread_sigmask(SIG_UNBLOCK, &mask_, nullptr);
  while (true) {
    pollfd ready{pipe_[0], POLLIN, 0};
    poll(&ready, 1, 100);  // ms
    RunningClock::beat();
    char number = 0;
    while (read(pipe_[0], &number, 1) == 1) {
      if (number == 0) return;
      without_memory([&] { take(number); });
    }
    without_memory([&] { end_late(Clock::now()); });
  }
}

void SignalGuard::take(int signal) {
  const std::lock_guard lock(mutex_);
  const bool warning = signal == SIGUSR1 || signal == SIGUSR2 || signal == SIGXCPU;
  const auto now = Clock::now();
  if (!warning && !hard_since_) hard_since_ = now;
  if (signal_ != 0) return;
  signal_ = signal;
  since_ = now;
  if (phase_ == Phase::before)
    end_process(interrupted_code,
                [&] { return fmt::format("{}: ended before the run began", signal_name(signal)); });
  if (run_.taken) run_.taken(signal, phase_ == Phase::opening);
}

/// Ends the process when the run has not come to its end in time.
void SignalGuard::end_late(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (signal_ == 0) return;
  const auto late = [&](const std::optional<Clock::time_point>& since, double limit) {
    return since && now >= *since + seconds(limit);
  };
  if (phase_ == Phase::over) {
    if (late(since_, run_.grace.value_or(enough)) && late(over_since_, enough))
      end_process(exit_code_, [&] {
        return fmt::format("{}: the process ends now, as it could not leave by itself", signal_name(signal_));
      });
    return;
  }
  if (run_.grace && late(hard_since_, *run_.grace - std::min(1.0, *run_.grace / 4)))
    end_process(interrupted_code, [&] {
      return fmt::format(
          "{}: the run did not come to its end within --grace = {:g} s: the process ends now; {}",
          signal_name(signal_), *run_.grace, last_words_);
    });
  if (phase_ == Phase::opening && late(since_, enough))
    end_process(interrupted_code, [&] {
      return fmt::format("{}: the process ends now, while nodes are being opened; {}", signal_name(signal_),
                         last_words_);
    });
}

template <class Why>
void SignalGuard::end_process(int exit_code, const Why& why) {
  without_memory([&] { print_error(why() + "\n"); });
  Console::instance().flush(std::chrono::milliseconds(200));
  _exit(exit_code);
}

}  // namespace twinflow
