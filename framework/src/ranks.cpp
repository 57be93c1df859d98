#include "twinflow/ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "console.h"
#include "rank_sum.h"
#include "running_clock.h"
#include "twinflow/error.h"

namespace twinflow {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int failures_channel = 1;

std::array<char, 256> host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name;
}

}  // namespace

/// The thread that moves messages, and what it is to do.
class Ranks::Work {
 public:
  /// Something that takes one exchange or several, one after the other.
  struct Job {
    std::string what;
    /// Starts the next exchange; nullptr when there is none left.
    std::function<std::unique_ptr<Communicator::Exchange>(Communicator&)> next;
    std::promise<void> done;
    std::unique_ptr<Communicator::Exchange> exchange;  // under way
    Clock::time_point begun;                           // the exchange
  };

  Work(const Connection& connection, Ranks& ranks)
      : reduce(connection.reduce), bf16(connection.bf16), ranks_(ranks), timeout_(connection.timeout) {
    std::promise<void> connected;
    thread_ = std::thread([&, this] {
      sigset_t broken_pipe;  // of a rank that has gone: nobody's wish to end
      sigemptyset(&broken_pipe);
      sigaddset(&broken_pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
      prctl(PR_SET_TIMERSLACK, 1000UL);  // ns: or the shortest sleep is 50 us longer
      try {
        communicator_ = connection.connect();
        ranks_.rank_ = communicator_->rank();
        ranks_.size_ = communicator_->size();
      } catch (...) {
        return connected.set_exception(std::current_exception());
      }
      connected.set_value();
      run();
    });
    try {
      connected.get_future().get();
    } catch (...) {
      thread_.join();
      throw;
    }
  }

  ~Work() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  std::future<void> add(int channel, Job job) {
    std::future<void> done = job.done.get_future();
    {
      const std::lock_guard lock(mutex_);
      if (static_cast<std::size_t>(channel) >= channels_.size())
        channels_.resize(static_cast<std::size_t>(channel) + 1);
      channels_[static_cast<std::size_t>(channel)].push_back(std::move(job));
      ++left_;
      added_ = true;
    }
    changed_.notify_one();
    return done;
  }

  void fail() { failed_ = true; }

  const Connection::Reduce reduce;
  const bool bf16;
  std::atomic<std::uint64_t> sent{0}, busy_ns{0};
  std::map<int, RankSum::Room> rooms;  // of channels; the thread's

 private:
  void run() noexcept {
    try {
      listen();
    } catch (...) {
      broken_ = std::current_exception();
    }
    Clock::time_point last_moved = Clock::now(), since = last_moved;
    std::size_t left_before = 0;
    while (wait(since)) {
      const auto awake = Clock::now();  // counted before anybody is told that something is done
      busy_ns += static_cast<std::uint64_t>(std::chrono::nanoseconds(awake - since).count());
      since = awake;
      hear();
      bool moved = false;
      std::size_t now_left = 0;
      std::size_t count = 0;
      {
        const std::lock_guard lock(mutex_);
        count = channels_.size();
      }
      // The first job of each channel; a deque leaves it where it is while others are added behind it.
      for (std::size_t i = 0; i < count; ++i) {
        Job* job = nullptr;
        {
          const std::lock_guard lock(mutex_);
          if (!channels_[i].empty()) job = &channels_[i].front();
        }
        const bool over = job && move(*job);
        if (job && !over) now_left += job->exchange->left();
        if (over) {
          const std::lock_guard lock(mutex_);
          channels_[i].pop_front();
          --left_;
          moved = true;
        }
      }
      // MPI moves large messages piece by piece, as it is asked. Otherwise the cores are for training, and
      // a wait may become an eighth longer. (To yield would be worse: Linux lets who yields often wait long.)
      const auto now = Clock::now();
      if (moved || now_left != left_before) last_moved = now;
      left_before = now_left;
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock,
                        std::clamp<Clock::duration>((now - last_moved) / 8, std::chrono::microseconds(20),
                                                    std::chrono::microseconds(200)),
                        [&] { return std::exchange(added_, false); });
    }
    try {
      if (failed_) fail_together();
    } catch (const std::exception&) {  // nobody can be told
    }
    listening_.clear();  // before it leaves
    try {
      if (!failed_) return communicator_->leave();
    } catch (const std::exception&) {  // the others must not wait
    }
    communicator_->abort();
  }

  /// One byte from a rank that has failed by itself, for which the others need not wait in vain.
  void listen() {
    heard_.resize(static_cast<std::size_t>(communicator_->size()));
    listening_.resize(heard_.size());
    for (int other = 0; other < communicator_->size(); ++other) {
      if (other == communicator_->rank()) continue;
      const Communicator::Incoming in{other, {&heard_[static_cast<std::size_t>(other)], 1}};
      listening_[static_cast<std::size_t>(other)] = communicator_->start({}, {&in, 1}, failures_channel);
    }
  }
  void hear() {
    if (broken_ || Clock::now() < hear_at_) return;
    hear_at_ = Clock::now() + std::chrono::milliseconds(50);
    try {
      for (std::size_t other = 0; other < listening_.size(); ++other)
        if (listening_[other] && listening_[other]->done())
          throw Error(fmt::format("{} has failed", ranks_.name(static_cast<int>(other))));
    } catch (...) {
      broken_ = std::current_exception();
    }
  }
  /// Tells the others, unless they know as well as this rank does, and gives them time to end: the first rank
  /// may be writing what can be kept.
  void fail_together() {
    std::vector<Communicator::Outgoing> out;
    const std::byte word{};
    for (int other = 0; other < communicator_->size() && !broken_; ++other)
      if (other != communicator_->rank()) out.push_back({other, {&word, 1}});
    const auto until = Clock::now() + std::chrono::duration<double>(std::min(timeout_, 10.0));
    try {
      const auto telling = communicator_->start(out, {}, failures_channel);
      while (!telling->done() && Clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    } catch (const std::exception&) {  // nobody can be told
    }
    if (communicator_->rank() > 0) std::this_thread::sleep_until(until);
  }

  /// Until there is something to do; false at the end. `since`: when that came, where there was nothing.
  bool wait(Clock::time_point& since) {
    std::unique_lock lock(mutex_);
    if (left_ == 0) {
      changed_.wait(lock, [&] { return left_ > 0 || ending_; });
      added_ = false;
      since = Clock::now();
    }
    return left_ > 0 && !(ending_ && failed_);
  }

  /// True once the job has come to its end.
  bool move(Job& job) {
    try {
      if (broken_) std::rethrow_exception(broken_);
      if (!job.exchange) start_next(job);
      while (job.exchange && job.exchange->done()) start_next(job);
      if (!job.exchange) {
        job.done.set_value();
        return true;
      }
      if (RunningClock::now() - job.begun < std::chrono::duration<double>(timeout_)) return false;
      std::vector<std::string> names;
      for (const int rank : job.exchange->missing())
        names.push_back(rank < 0 ? "one of the other ranks" : ranks_.name(rank));
      if (names.empty()) return false;  // they have come by now: it is this rank that was held up
      throw Error(
          fmt::format("{}: no answer from {} for {:g} s", job.what, fmt::join(names, ", "), timeout_));
    } catch (...) {
      broken_ = std::current_exception();
      failed_ = true;
      job.exchange.reset();  // what comes from now on must not be written into memory that is not the job's
      job.done.set_exception(broken_);
      return true;
    }
  }

  void start_next(Job& job) {
    job.exchange = job.next(*communicator_);
    job.begun = RunningClock::now();
  }

  Ranks& ranks_;
  const double timeout_;
  std::unique_ptr<Communicator> communicator_;  // the thread's
  std::exception_ptr broken_;                   // likewise: why nothing works any more
  std::vector<std::byte> heard_;                // of others that have failed,
  std::vector<std::unique_ptr<Communicator::Exchange>> listening_;
  Clock::time_point hear_at_;
  std::atomic<bool> failed_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::deque<Job>> channels_;
  std::size_t left_ = 0;
  bool ending_ = false;
  bool added_ = false;  // a job, since the thread has looked
  std::thread thread_;
};

Ranks::Ranks(const Connection& connection) : work_(std::make_unique<Work>(connection, *this)) {
  channel();  // 0: for what follows
  channel();  // 1: failures_channel
  try {
    for (const auto& name : values(0, host_name(), "the ranks' first words"))
      hosts_.emplace_back(name.data());
  } catch (const Error& error) {
    print_error(fmt::format("{}: error: {}\n", name(rank_), error.what()));
    Console::instance().flush();  // as this process is about to be ended
    throw;
  }
}

Ranks::~Ranks() = default;

std::string Ranks::name(int rank) const {
  const auto host = static_cast<std::size_t>(rank) < hosts_.size()
                        ? fmt::format(" ({})", hosts_[static_cast<std::size_t>(rank)])
                        : "";
  return fmt::format("rank {} of {}{}", rank, size_, host);
}

int Ranks::channel(bool fast_sums) {
  if (fast_sums && fast_channel_ < 0) fast_channel_ = channels_;
  return channels_++;
}

std::future<void> Ranks::gather(int channel, std::span<const std::byte> mine,
                                std::vector<std::span<std::byte>> all, std::string what) {
  const auto own = all.at(static_cast<std::size_t>(rank_));
  if (own.size() != mine.size())
    throw Error(fmt::format("{}: {} bytes are given where {} are expected", what, mine.size(), own.size()));
  if (own.data() != mine.data()) std::copy(mine.begin(), mine.end(), own.begin());
  Work::Job job;
  job.what = std::move(what);
  job.next = [this, channel, own, all = std::move(all), started = false](
                 Communicator& communicator) mutable -> std::unique_ptr<Communicator::Exchange> {
    if (std::exchange(started, true)) return nullptr;
    std::vector<Communicator::Outgoing> out;
    std::vector<Communicator::Incoming> in;
    for (int other = 0; other < size_; ++other) {
      if (other == rank_) continue;
      out.push_back({other, own});
      in.push_back({other, all[static_cast<std::size_t>(other)]});
      work_->sent += own.size();
    }
    return communicator.start(out, in, channel);
  };
  return work_->add(channel, std::move(job));
}

std::future<void> Ranks::sum(int channel, std::vector<std::span<float>> numbers, std::string what) {
  Work::Job job;
  job.what = std::move(what);
  // Made by the thread, as the rooms are its own.
  job.next = [this, channel, numbers = std::move(numbers),
              sum = std::shared_ptr<RankSum>()](Communicator& communicator) mutable {
    if (!sum)
      sum = std::make_shared<RankSum>(channel, std::move(numbers),
                                      channel == fast_channel_ ? work_->reduce : Connection::Reduce::ordered,
                                      work_->bf16, work_->rooms[channel]);
    std::uint64_t sent = 0;
    auto exchange = sum->next(communicator, sent);
    work_->sent += sent;
    return exchange;
  };
  return work_->add(channel, std::move(job));
}

void Ranks::fail() {
  Console::instance().flush();  // the error first: mpirun kills all ranks once another one has ended for this
  work_->fail();
}
std::uint64_t Ranks::bytes_sent() const { return work_->sent; }
double Ranks::busy() const { return 1e-9 * static_cast<double>(work_->busy_ns); }

}  // namespace twinflow
