#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <tuple>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/ranks.h"

/// Ranks that are threads of one process, for tests.
class LocalRanks {
 public:
  explicit LocalRanks(int size, double timeout = 20.0) : size_(size) { how.timeout = timeout; }

  /// How they are connected: all but connect().
  struct How : twinflow::Connection {
    std::unique_ptr<twinflow::Communicator> connect() const override { return nullptr; }
  } how;

  /// Runs body(ranks) once for each rank, on as many threads; the first exception is thrown once all are
  /// done.
  template <class Body>
  void run(const Body& body) {
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size_; ++rank)
      threads.emplace_back([&, rank] {
        try {
          twinflow::Ranks ranks(Joined(*this, rank));
          body(ranks);
        } catch (...) {
          failures[static_cast<std::size_t>(rank)] = std::current_exception();
        }
      });
    for (std::thread& one : threads) one.join();
    for (const std::exception_ptr& one : failures)
      if (one) std::rethrow_exception(one);
  }

  /// Starting anything on that channel fails.
  int broken_channel = -1;
  /// How many exchanges on that channel are under way.
  int under_way(int channel) {
    const std::lock_guard lock(mutex_);
    return under_way_[channel];
  }

  int left() const { return left_; }
  int aborted() const { return aborted_; }

 private:
  using Bytes = std::vector<std::byte>;

  class Exchange : public twinflow::Communicator::Exchange {
   public:
    Exchange(LocalRanks& all, int rank, std::vector<twinflow::Communicator::Incoming> in, int channel)
        : all_(all), rank_(rank), in_(std::move(in)), channel_(channel) {
      const std::lock_guard lock(all_.mutex_);
      ++all_.under_way_[channel_];
    }
    ~Exchange() override {
      const std::lock_guard lock(all_.mutex_);
      --all_.under_way_[channel_];
    }
    bool done() override {
      const std::lock_guard lock(all_.mutex_);
      std::erase_if(in_, [&](const twinflow::Communicator::Incoming& one) {
        std::deque<Bytes>& box = all_.boxes_[{one.from, rank_, channel_}];
        if (box.empty()) return false;
        std::copy(box.front().begin(), box.front().end(), one.bytes.begin());
        box.pop_front();
        return true;
      });
      return in_.empty();
    }
    std::size_t left() const override { return in_.size(); }
    std::vector<int> missing() const override {
      std::vector<int> ranks;
      for (const auto& one : in_) ranks.push_back(one.from);
      return ranks;
    }

   private:
    LocalRanks& all_;
    int rank_;
    std::vector<twinflow::Communicator::Incoming> in_;
    int channel_;
  };

  /// Adds what all ranks have, the last one first: an order as good as any, and not sum_in_pairs'.
  class Sum final : public Exchange {
   public:
    Sum(LocalRanks& all, int rank, std::span<float> numbers)
        : Sum(all, rank, numbers,
              std::vector<std::vector<float>>(static_cast<std::size_t>(all.size_),
                                              std::vector<float>(numbers.begin(), numbers.end()))) {}
    bool done() override {
      if (!Exchange::done()) return false;
      std::fill(numbers_.begin(), numbers_.end(), 0.0f);
      for (std::size_t rank = ranks_.size(); rank-- > 0;)
        for (std::size_t i = 0; i < numbers_.size(); ++i) numbers_[i] += ranks_[rank][i];
      return true;
    }

   private:
    Sum(LocalRanks& all, int rank, std::span<float> numbers, std::vector<std::vector<float>> ranks)
        : Exchange(all, rank, rooms(ranks, rank), sums), numbers_(numbers), ranks_(std::move(ranks)) {
      const auto bytes = std::as_bytes(numbers);
      for (int other = 0; other < all.size_; ++other)
        if (other != rank) all.send(rank, other, sums, bytes);
    }
    static std::vector<twinflow::Communicator::Incoming> rooms(std::vector<std::vector<float>>& ranks,
                                                               int rank) {
      std::vector<twinflow::Communicator::Incoming> in;
      for (std::size_t from = 0; from < ranks.size(); ++from)
        if (static_cast<int>(from) != rank)
          in.push_back({static_cast<int>(from), std::as_writable_bytes(std::span(ranks[from]))});
      return in;
    }
    static constexpr int sums = -1;  // their channel

    std::span<float> numbers_;
    std::vector<std::vector<float>> ranks_;
  };

  class One final : public twinflow::Communicator {
   public:
    One(LocalRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    std::unique_ptr<twinflow::Communicator::Exchange> start(std::span<const Outgoing> out,
                                                            std::span<const Incoming> in,
                                                            int channel) override {
      if (channel == all_.broken_channel) throw twinflow::Error("the channel is broken");
      for (const Outgoing& one : out) all_.send(rank_, one.to, channel, one.bytes);
      return std::make_unique<LocalRanks::Exchange>(all_, rank_, std::vector(in.begin(), in.end()), channel);
    }
    std::unique_ptr<twinflow::Communicator::Exchange> start_sum(std::span<float> numbers,
                                                                std::uint64_t& sent) override {
      sent += numbers.size_bytes() * static_cast<std::size_t>(all_.size_ - 1);
      return std::make_unique<Sum>(all_, rank_, numbers);
    }
    void leave() override { ++all_.left_; }
    void abort() noexcept override { ++all_.aborted_; }

   private:
    LocalRanks& all_;
    int rank_;
  };

  class Joined final : public twinflow::Connection {
   public:
    Joined(LocalRanks& all, int rank) : Connection(all.how), all_(all), rank_(rank) {}
    std::unique_ptr<twinflow::Communicator> connect() const override {
      return std::make_unique<One>(all_, rank_);
    }

   private:
    LocalRanks& all_;
    int rank_;
  };

  void send(int from, int to, int channel, std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    boxes_[{from, to, channel}].emplace_back(bytes.begin(), bytes.end());
  }

  const int size_;
  std::mutex mutex_;
  std::map<std::tuple<int, int, int>, std::deque<Bytes>> boxes_;  // from, to, channel
  std::map<int, int> under_way_;                                  // by channel
  std::atomic<int> left_{0}, aborted_{0};
};
