#include "plugins/data/natural.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace twinflow::data;

TEST_CASE("numbers in names count by their value, the rest by bytes") {
  // Each comes before all that follow it.
  const std::vector<std::string> ordered = {"",
                                            "0",
                                            "00",
                                            "1",
                                            "01",
                                            "1a2",
                                            "1a10",
                                            "2",
                                            "09",
                                            "10",
                                            "010",
                                            "99999999999999999999",
                                            "100000000000000000000",
                                            "A",
                                            "a",
                                            "a1b",
                                            "a1b1",
                                            "a01b1",
                                            "a1c",
                                            "a2",
                                            "b",
                                            "img2.png",
                                            "img10.png",
                                            "z",
                                            "\xc3\xa9"};
  for (std::size_t i = 0; i < ordered.size(); ++i)
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      CAPTURE(ordered[i]);
      CAPTURE(ordered[j]);
      CHECK(natural_less(ordered[i], ordered[j]) == (i < j));
    }
}
