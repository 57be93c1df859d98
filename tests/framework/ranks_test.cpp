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
        same += std::memcmp(mine.data(), all[0].data(), count * sizeof(float)) == 0;
      });
      CHECK(same == size);
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
    std::vector<float> mine(10);
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
