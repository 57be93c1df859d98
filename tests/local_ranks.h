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

#include "twinflow/ranks.h"

/// Ranks that are threads of one process, for tests.
class LocalRanks {
 public:
  explicit LocalRanks(int size, double timeout = 20.0) : size_(size), timeout_(timeout) {}

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

  int left() const { return left_; }
  int aborted() const { return aborted_; }

 private:
  using Bytes = std::vector<std::byte>;

  class Exchange final : public twinflow::Communicator::Exchange {
   public:
    Exchange(LocalRanks& all, int rank, std::vector<twinflow::Communicator::Incoming> in, int channel)
        : all_(all), rank_(rank), in_(std::move(in)), channel_(channel) {}
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

  class One final : public twinflow::Communicator {
   public:
    One(LocalRanks& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    std::unique_ptr<twinflow::Communicator::Exchange> start(std::span<const Outgoing> out,
                                                            std::span<const Incoming> in,
                                                            int channel) override {
      const std::lock_guard lock(all_.mutex_);
      for (const Outgoing& one : out)
        all_.boxes_[{rank_, one.to, channel}].emplace_back(one.bytes.begin(), one.bytes.end());
      return std::make_unique<LocalRanks::Exchange>(all_, rank_, std::vector(in.begin(), in.end()), channel);
    }
    void leave() override { ++all_.left_; }
    void abort() noexcept override { ++all_.aborted_; }

   private:
    LocalRanks& all_;
    int rank_;
  };

  class Joined final : public twinflow::Connection {
   public:
    Joined(LocalRanks& all, int rank) : all_(all), rank_(rank) { timeout = all.timeout_; }
    std::unique_ptr<twinflow::Communicator> connect() const override {
      return std::make_unique<One>(all_, rank_);
    }

   private:
    LocalRanks& all_;
    int rank_;
  };

  const int size_;
  const double timeout_;
  std::mutex mutex_;
  std::map<std::tuple<int, int, int>, std::deque<Bytes>> boxes_;  // from, to, channel
  std::atomic<int> left_{0}, aborted_{0};
};
