#include "agreement.h"

#include <doctest/doctest.h>

#include <thread>

#include "contains.h"
#include "error_of.h"
#include "local_ranks.h"

using namespace twinflow;

TEST_CASE("what one rank wants, all do, at the pace of the slowest") {
  std::atomic<int> same{0};
  LocalRanks(3).run([&](Ranks& ranks) {
    Agreement agreement(ranks);
    agreement.start(5);
    same += agreement.items_until_next() == 1;  // as nobody knows how long they take
    std::this_thread::sleep_for(std::chrono::milliseconds(100 * ranks.rank()));
    const Agreement::Wish nothing = agreement.meet({}, 7);
    same += nothing.signal == 0 && !nothing.time_over && !nothing.pause;
    same += agreement.items_until_next() > 1 && agreement.items_until_next() <= 20;
    const Agreement::Wish all =
        agreement.meet({ranks.rank() == 1 ? 15 : 0, ranks.rank() == 2, ranks.rank() == 0}, 7);
    same += all.signal == 15 && all.time_over && all.pause;
  });
  CHECK(same == 12);
}

TEST_CASE("ranks that have gone apart, or run something else, are told so") {
  std::atomic<int> told{0};
  LocalRanks(2).run([&](Ranks& ranks) {
    Agreement agreement(ranks);
    const std::uint64_t step = 4 + static_cast<std::uint64_t>(ranks.rank());
    told += contains(error_of([&] { agreement.meet({}, step); }), "at step 4") ? 1 : 0;
    agreement.require_same("graph", "the same");
    const std::string text = ranks.rank() == 0 ? "a" : "another";
    told += contains(error_of([&] { agreement.require_same("graph", text); }),
                     "has another graph than rank 0 of 2");
    const std::string versions = ranks.rank() == 0 ? "oneDNN 2.6.3" : "oneDNN 3.7.1";
    told += error_of([&] {
              agreement.require_same("set of libraries", versions);
            }).ends_with(": oneDNN 3.7.1, not oneDNN 2.6.3");
    told += error_of([&] { agreement.require_same("graph", text + "\n"); }).ends_with(")");
    told += agreement.of_first(text) == "a";
    const std::vector<std::string> none, two{"b", "c d"};
    told += agreement.of_first(ranks.rank() == 0 ? two : none) == two;
    told += agreement.of_first(ranks.rank() == 0 ? none : two) == none;
  });
  CHECK(told == 14);
}
