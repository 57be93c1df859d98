#include "twinflow/ranks.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstring>
#include <numeric>

#include "contains.h"
#include "error_of.h"
#include "local_ranks.h"

using namespace twinflow;

namespace {

/// What a rank gives: numbers whose sum depends on the order in which they are added.
std::vector<float> numbers_of(int rank, std::size_t count) {
  std::vector<float> numbers(count);
  for (std::size_t i = 0; i < count; ++i)
    numbers[i] = 1.0f / static_cast<float>(3 + rank * 7 + static_cast<int>(i % 101)) +
                 (rank % 2 == 0 ? 1e4f : -1e4f) * static_cast<float>(rank + 1);
  return numbers;
}

}  // namespace

TEST_CASE("numbers are summed in pairs of neighbours") {
  // 1 is lost beside 1e8: ((1 + 1e8) + (-1e8 + 1)) + 5 is 0 + 5, one after the other they make 1 + 5.
  std::vector<std::vector<float>> all{{1.0f}, {1e8f}, {-1e8f}, {1.0f}, {5.0f}};
  std::vector<float*> arrays;
  for (auto& one : all) arrays.push_back(one.data());
  sum_in_pairs(arrays, 1);
  CHECK(all[0][0] == 5.0f);
}

TEST_CASE("everybody has everybody's value, and is told how long messages took") {
  std::atomic<int> right{0}, waiting{0};
  LocalRanks(3).run([&](Ranks& ranks) {
    const int channel = ranks.channel();
    right += ranks.values(channel, 10 * ranks.rank(), "a test") == std::vector<int>{0, 10, 20};
    const double before = ranks.busy();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    right += ranks.busy() == before;
    if (ranks.rank() == 1) {
      while (waiting < 2) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    std::vector<float> number(1);
    std::future<void> done = ranks.sum(channel, {number}, "a test");
    ++waiting;
    done.get();
    right += ranks.rank() == 1 || ranks.busy() - before > 0.02;
  });
  CHECK(right == 9);
}

TEST_CASE("every rank has everybody's bytes") {
  for (const int size : {1, 2, 5}) {
    LocalRanks local(size);
    local.run([&](Ranks& ranks) {
      REQUIRE(ranks.size() == size);
      const int channel = ranks.channel();
      for (int round = 0; round < 3; ++round) {
        // Rank r gives r numbers.
        std::vector<std::vector<int>> all;
        std::vector<std::span<std::byte>> room;
        for (int r = 0; r < size; ++r) all.emplace_back(static_cast<std::size_t>(r), -1);
        for (auto& one : all) room.push_back(std::as_writable_bytes(std::span(one)));
        const std::vector<int> mine(static_cast<std::size_t>(ranks.rank()), 10 * ranks.rank() + round);
        ranks.gather(channel, std::as_bytes(std::span(mine)), room, "a test").get();
        for (int r = 0; r < size; ++r)
          for (const int number : all[static_cast<std::size_t>(r)]) CHECK(number == 10 * r + round);
      }
    });
    CHECK(local.left() == size);
  }
}

TEST_CASE("sums have the same bits on every rank, those of sum_in_pairs") {
  for (const int size : {1, 2, 3, 4, 7}) {
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{17}, std::size_t{10000}}) {
      std::vector<std::vector<float>> all;
      std::vector<float*> arrays;
      for (int r = 0; r < size; ++r) all.push_back(numbers_of(r, count));
      for (auto& one : all) arrays.push_back(one.data());
      sum_in_pairs(arrays, count);
      std::atomic<int> same{0};
      LocalRanks(size).run([&](Ranks& ranks) {
        std::vector<float> mine = numbers_of(ranks.rank(), count);
        const std::size_t half = count / 3;  // in two pieces
        ranks.sum(ranks.channel(), {std::span(mine).first(half), std::span(mine).subspan(half)}, "a test")
            .get();
        same += count == 0 || std::memcmp(mine.data(), all[0].data(), count * sizeof(float)) == 0;
      });
      CHECK(same == size);
    }
  }
}

TEST_CASE("a sum that is to be fast is the communicator's own") {
  LocalRanks local(4);
  local.how.reduce = Connection::Reduce::fast;
  std::atomic<int> right{0};
  local.run([&](Ranks& ranks) {
    const int ordered = ranks.channel(), fast = ranks.channel(true), second = ranks.channel(true);
    // Two small ones around two that are large enough to go by themselves.
    for (const std::vector<std::size_t>& counts :
         {std::vector<std::size_t>{10, 100000, 70000, 3}, {65536}, {5}, {}}) {
      std::vector<std::vector<float>> mine, last_first, in_pairs;
      for (const std::size_t count : counts) {
        std::vector<std::vector<float>> all;
        std::vector<float*> arrays;
        for (int rank = 0; rank < 4; ++rank) {
          std::vector<float>& one = all.emplace_back(count);
          for (std::size_t i = 0; i < count; ++i)
            one[i] = 1.0f / static_cast<float>(3 + 7 * rank + static_cast<int>(i % 101));
        }
        mine.push_back(all[static_cast<std::size_t>(ranks.rank())]);
        std::vector<float>& sum = last_first.emplace_back(all[3]);  // as LocalRanks adds them
        for (const std::size_t rank : {2, 1, 0})
          for (std::size_t i = 0; i < count; ++i) sum[i] += all[rank][i];
        for (auto& one : all) arrays.push_back(one.data());
        sum_in_pairs(arrays, count);
        in_pairs.push_back(all[0]);
      }
      const auto sum = [&](int channel) {
        std::vector<std::vector<float>> numbers = mine;
        ranks.sum(channel, {numbers.begin(), numbers.end()}, "a test").get();
        return numbers;
      };
      right += sum(fast) == last_first && sum(ordered) == in_pairs && sum(second) == in_pairs;
      if (counts.size() == 4) CHECK(last_first != in_pairs);
    }
  });
  CHECK(right == 16);
}

TEST_CASE("numbers that travel as bf16 are half the bytes, and add to the same bits on every rank") {
  for (const int size : {2, 3}) {
    LocalRanks local(size);
    local.how.bf16 = true;
    std::mutex mutex;
    std::vector<std::vector<float>> sums;
    local.run([&](Ranks& ranks) {
      std::vector<float> mine(50000);
      for (std::size_t i = 0; i < mine.size(); ++i)
        mine[i] = 1.0f / static_cast<float>(3 + ranks.rank() + static_cast<int>(i % 97));
      ranks.sum(ranks.channel(), {std::span(mine).first(7), std::span(mine).subspan(7)}, "a test").get();
      const std::lock_guard lock(mutex);
      sums.push_back(mine);
      const auto others = static_cast<std::uint64_t>(size - 1);
      CHECK(ranks.bytes_sent() < 256 * others + 2 * others * 2 * (50000 / static_cast<unsigned>(size) + 16));
    });
    for (const std::vector<float>& one : sums) CHECK(one == sums[0]);
    for (std::size_t i = 0; i < sums[0].size(); ++i) {
      double sum = 0.0;
      for (int rank = 0; rank < size; ++rank) sum += 1.0 / (3 + rank + static_cast<int>(i % 97));
      REQUIRE(sums[0][i] == doctest::Approx(sum).epsilon(0.008));  // bf16 has 8 bits
    }
  }
}

TEST_CASE("operations on several channels, and several on one, are under way at once") {
  std::atomic<int> right{0};
  LocalRanks(3).run([&](Ranks& ranks) {
    const int a = ranks.channel(), b = ranks.channel();
    std::vector<std::vector<float>> numbers(20, std::vector<float>(100));
    std::vector<std::future<void>> done;
    // Which of the channels comes first differs from rank to rank.
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const std::size_t which = i ^ static_cast<std::size_t>(ranks.rank() % 2);
      std::fill(numbers[which].begin(), numbers[which].end(), static_cast<float>(which));
      done.push_back(ranks.sum(which % 2 == 0 ? a : b, {numbers[which]}, "a test"));
    }
    for (auto& one : done) one.get();
    for (std::size_t i = 0; i < numbers.size(); ++i) right += numbers[i][99] == 3.0f * static_cast<float>(i);
  });
  CHECK(right == 60);
}

TEST_CASE("a rank that does not answer is named, and all is over") {
  LocalRanks local(3, 1.0);
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  std::mutex mutex;
  std::vector<std::string> messages;
  local.run([&](Ranks& ranks) {
    if (ranks.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3500));
      return ranks.fail();
    }
    std::vector<float> mine(100);  // some for each rank to sum
    const auto told = error_of([&] { ranks.sum(ranks.channel(), {mine}, "the gradients' sum").get(); });
    const auto again = error_of([&] { ranks.sum(ranks.channel(), {mine}, "another").get(); });
    const std::lock_guard lock(mutex);
    messages.insert(messages.end(), {told, again});
  });
  REQUIRE(messages.size() == 4);
  for (const std::string& one : messages)
    CHECK(one == std::string("the gradients' sum: no answer from rank 1 of 3 (") + host + ") for 1 s");
  CHECK(local.aborted() == 3);
  CHECK(local.left() == 0);
}

TEST_CASE("a rank that fails by itself is named at once") {
  LocalRanks local(3, 2.0);
  std::mutex mutex;
  std::vector<std::string> messages;
  const auto begun = std::chrono::steady_clock::now();
  local.run([&](Ranks& ranks) {
    if (ranks.rank() == 1) return ranks.fail();
    const auto told = error_of([&] { ranks.values(ranks.channel(), 0, "a test"); });
    const std::lock_guard lock(mutex);
    messages.push_back(told);
    CHECK(std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(1900));  // not by the timeout
  });
  REQUIRE(messages.size() == 2);
  for (const std::string& one : messages) CHECK(contains(one, "rank 1 of 3 ("));
  for (const std::string& one : messages) CHECK(contains(one, ") has failed"));
  CHECK(local.aborted() == 3);
}

TEST_CASE("what has failed is taken back before its memory may be used for something else") {
  LocalRanks local(2, 0.3);
  local.run([&](Ranks& ranks) {
    const int channel = ranks.channel(), never = ranks.channel();
    if (ranks.rank() == 1) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      return ranks.fail();
    }
    CHECK(contains(error_of([&] { ranks.values(channel, 0, "a test"); }), "no answer from rank 1 of 2"));
    CHECK(local.under_way(channel) == 0);
    CHECK(local.under_way(never) == 0);
  });
}

TEST_CASE("an error where failures of others are listened for is an error of the next operation") {
  LocalRanks local(2);
  local.broken_channel = 1;
  CHECK(error_of([&] { local.run([](Ranks&) {}); }) == "the channel is broken");
  CHECK(local.aborted() == 2);
}

TEST_CASE("each rank sends less than twice the numbers") {
  LocalRanks(4).run([&](Ranks& ranks) {
    std::vector<float> mine(1600);
    const std::uint64_t before = ranks.bytes_sent();
    ranks.sum(ranks.channel(), {mine}, "a test").get();
    CHECK(ranks.bytes_sent() - before == 2 * 3 * 400 * sizeof(float));
  });
}

TEST_CASE("a connection that cannot be made says so") {
  struct Broken final : Connection {
    std::unique_ptr<Communicator> connect() const override { throw Error("no way there"); }
  };
  CHECK(error_of([] { Ranks ranks{Broken()}; }) == "no way there");
}
