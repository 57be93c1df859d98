#include "agreement.h"

#include <doctest/doctest.h>

#include "contains.h"
#include "error_of.h"
#include "local_ranks.h"

using namespace twinflow;

TEST_CASE("what one rank wants, all do, at the pace of the slowest") {
  std::atomic<int> same{0};
  LocalRanks(3).run([&](Ranks& ranks) {
    Agreement agreement(ranks);
    Agreement::Wish mine;
    mine.next_step = 7;
    mine.seconds = 0.1 * ranks.rank();
    const Agreement::Wish nothing = agreement.settle(mine);
    mine.signal = ranks.rank() == 1 ? 15 : 0;
    mine.budget = ranks.rank() == 2;
    mine.pause = ranks.rank() == 0;
    const Agreement::Wish all = agreement.settle(mine);
    same += nothing.signal == 0 && !nothing.budget && !nothing.pause && nothing.seconds == 0.2 &&
            all.signal == 15 && all.budget && all.pause && all.next_step == 7;
  });
  CHECK(same == 3);
}

TEST_CASE("ranks that have gone apart, or run something else, are told so") {
  std::atomic<int> told{0};
  LocalRanks(2).run([&](Ranks& ranks) {
    Agreement agreement(ranks);
    Agreement::Wish mine;
    mine.next_step = 4 + static_cast<std::uint64_t>(ranks.rank());
    told += contains(error_of([&] { agreement.settle(mine); }), "at step 4") ? 1 : 0;
    agreement.require_same("graph", "the same");
    const std::string text = ranks.rank() == 0 ? "a" : "another";
    told += contains(error_of([&] { agreement.require_same("graph", text); }),
                     "has another graph than rank 0 of 2");
    told += agreement.of_first(text) == "a";
  });
  CHECK(told == 6);
}
