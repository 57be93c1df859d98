#include "twinflow/ranks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

#include "twinflow/error.h"

namespace twinflow {

namespace {

using Clock = std::chrono::steady_clock;

/// The parts that ranks sum: of `count` numbers, rank r takes those from part_begin(r) to part_begin(r + 1).
std::size_t part_begin(std::size_t count, int rank, int size) {
  constexpr std::size_t line = 16;  // floats of a cache line
  const std::size_t lines = (count + line - 1) / line;
  return std::min(count, lines * static_cast<std::size_t>(rank) / static_cast<std::size_t>(size) * line);
}

std::array<char, 256> host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name;
}

}  // namespace

void sum_in_pairs(std::span<float* const> arrays, std::size_t count) {
  constexpr std::size_t block = 4096;  // that of all arrays stays in the cache
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    for (std::size_t apart = 1; apart < arrays.size(); apart *= 2)
      for (std::size_t a = 0; a + apart < arrays.size(); a += 2 * apart) {
        float* __restrict to = arrays[a];
        const float* __restrict from = arrays[a + apart];
        for (std::size_t i = begin; i < end; ++i) to[i] += from[i];
      }
  }
}

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

  Work(const Connection& connection, Ranks& ranks) : ranks_(ranks), timeout_(connection.timeout) {
    std::promise<void> connected;
    thread_ = std::thread([&, this] {
      sigset_t broken_pipe;  // of a rank that has gone: nobody's wish to end
      sigemptyset(&broken_pipe);
      sigaddset(&broken_pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
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
    }
    changed_.notify_one();
    return done;
  }

  void fail() { failed_ = true; }

  std::atomic<std::uint64_t> sent{0};

 private:
  void run() {
    Clock::time_point last_moved = Clock::now();
    std::size_t left_before = 0;
    while (wait()) {
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
      // MPI moves large messages piece by piece, as it is asked; else the cores are for training.
      const auto now = Clock::now();
      if (moved || now_left != left_before) last_moved = now;
      left_before = now_left;
      if (now - last_moved < std::chrono::milliseconds(1))
        std::this_thread::yield();
      else
        std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    if (failed_ && communicator_->rank() > 0)  // the first rank may be writing what can be kept
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(timeout_, 10.0)));
    if (failed_)
      communicator_->abort();
    else
      communicator_->leave();
  }

  /// Until there is something to do; false at the end.
  bool wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return left_ > 0 || ending_; });
    return left_ > 0 && !(ending_ && failed_);
  }

  /// True once the job has come to its end.
  bool move(Job& job) {
    try {
      if (!broken_.empty()) throw Error(broken_);
      if (!job.exchange) start_next(job);
      while (job.exchange && job.exchange->done()) start_next(job);
      if (!job.exchange) {
        job.done.set_value();
        return true;
      }
      if (Clock::now() - job.begun < std::chrono::duration<double>(timeout_)) return false;
      std::vector<std::string> names;
      for (const int rank : job.exchange->missing()) names.push_back(ranks_.name(rank));
      if (names.empty()) return false;  // they have come by now: it is this rank that was held up
      throw Error(
          fmt::format("{}: no answer from {} for {:g} s", job.what, fmt::join(names, ", "), timeout_));
    } catch (const std::exception& error) {
      broken_ = error.what();
      failed_ = true;
      job.done.set_exception(std::current_exception());
      left_behind_.push_back(std::move(job));  // messages may still come for it
      return true;
    }
  }

  void start_next(Job& job) {
    job.exchange = job.next(*communicator_);
    job.begun = Clock::now();
  }

  Ranks& ranks_;
  const double timeout_;
  std::unique_ptr<Communicator> communicator_;  // the thread's
  std::string broken_;                          // likewise: why nothing works any more
  std::vector<Job> left_behind_;
  std::atomic<bool> failed_{false};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::deque<Job>> channels_;
  std::size_t left_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

Ranks::Ranks(const Connection& connection) : work_(std::make_unique<Work>(connection, *this)) {
  channel();  // 0: for what follows
  const auto mine = host_name();
  std::vector<std::array<char, 256>> names(static_cast<std::size_t>(size_));
  std::vector<std::span<std::byte>> all;
  for (auto& name : names) all.push_back(std::as_writable_bytes(std::span(name)));
  try {
    gather(0, std::as_bytes(std::span(mine)), std::move(all), "the ranks' first words").get();
  } catch (const Error& error) {
    fmt::print(stderr, "{}: error: {}\n", name(rank_), error.what());  // as this process is about to end
    throw;
  }
  for (const auto& name : names) hosts_.emplace_back(name.data());
}

Ranks::~Ranks() = default;

std::string Ranks::name(int rank) const {
  const auto host = static_cast<std::size_t>(rank) < hosts_.size()
                        ? fmt::format(" ({})", hosts_[static_cast<std::size_t>(rank)])
                        : "";
  return fmt::format("rank {} of {}{}", rank, size_, host);
}

int Ranks::channel() { return channels_++; }

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
  struct Sum {
    std::vector<std::span<float>> numbers;
    std::vector<float> mine;                // all numbers, one after the other
    std::vector<std::vector<float>> parts;  // of the others: what I sum
    int phase = 0;
  };
  const auto sum = std::make_shared<Sum>();
  sum->numbers = std::move(numbers);
  Work::Job job;
  job.what = std::move(what);
  job.next = [this, channel, sum](Communicator& communicator) -> std::unique_ptr<Communicator::Exchange> {
    std::vector<Communicator::Outgoing> out;
    std::vector<Communicator::Incoming> in;
    const auto part = [&](int rank) {
      const std::size_t begin = part_begin(sum->mine.size(), rank, size_),
                        end = part_begin(sum->mine.size(), rank + 1, size_);
      return std::span(sum->mine).subspan(begin, end - begin);
    };
    const auto exchange = [&](const auto& to, const auto& from) {
      for (int other = 0; other < size_; ++other) {
        if (other == rank_) continue;
        out.push_back({other, std::as_bytes(std::span<float>(to(other)))});
        in.push_back({other, std::as_writable_bytes(std::span<float>(from(other)))});
        work_->sent += out.back().bytes.size();
      }
      return communicator.start(out, in, channel);
    };
    switch (sum->phase++) {
      case 0: {  // to each rank its part
        for (const std::span<float> one : sum->numbers)
          sum->mine.insert(sum->mine.end(), one.begin(), one.end());
        sum->parts.assign(static_cast<std::size_t>(size_), std::vector<float>(part(rank_).size()));
        return exchange(part,
                        [&](int other) { return std::span(sum->parts[static_cast<std::size_t>(other)]); });
      }
      case 1: {  // my part's sum to each of them
        std::vector<float*> arrays;
        for (std::vector<float>& one : sum->parts) arrays.push_back(one.data());
        std::copy_n(part(rank_).data(), part(rank_).size(), arrays[static_cast<std::size_t>(rank_)]);
        sum_in_pairs(arrays, part(rank_).size());
        std::copy_n(arrays[0], part(rank_).size(), part(rank_).data());
        return exchange([&](int) { return part(rank_); }, part);
      }
      default: {
        const float* from = sum->mine.data();
        for (const std::span<float> one : sum->numbers) {
          std::copy_n(from, one.size(), one.data());
          from += one.size();
        }
        return nullptr;
      }
    }
  };
  return work_->add(channel, std::move(job));
}

void Ranks::fail() { work_->fail(); }
std::uint64_t Ranks::bytes_sent() const { return work_->sent; }

}  // namespace twinflow
