#include "run_settings.h"

#include <doctest/doctest.h>

using namespace twinflow;

TEST_CASE("a time is written in days, hours, minutes and seconds, the large ones first") {
  const auto seconds = [](const std::string& text) {
    return read_text<Duration>("\"" + text + "\"", "text").seconds;
  };
  CHECK(seconds("90s") == 90);
  CHECK(seconds("15m") == 15 * 60);
  CHECK(seconds("1h30m") == 90 * 60);
  CHECK(seconds("2d") == 2 * 86400);
  CHECK(seconds("1d2h3m4s") == 86400 + 2 * 3600 + 3 * 60 + 4);
  for (const char* wrong : {"", "90", "m", "0s", "-5s", "1.5h", "1m30h", "1h1h", "1h 30m", "1H",
                            "99999999999999999999s", "36501d"})
    CHECK_THROWS_WITH_AS(seconds(wrong),
                         ("text: expected a time, such as \"90s\", \"15m\", \"1h30m\" or \"2d\", found \"" +
                          std::string(wrong) + "\"")
                             .c_str(),
                         Error);
  for (const char* same : {"1d2h3m4s", "1h30m", "59s", "1d1s"})
    CHECK(ParamType<Duration>::text({seconds(same)}) == "\"" + std::string(same) + "\"");
  CHECK(ParamType<Duration>::text({90}) == "\"1m30s\"");
}

TEST_CASE("epochs are a number, or unlimited") {
  CHECK(read_text<Epochs>("3", "text").count() == 3);
  CHECK(read_text<Epochs>("\"unlimited\"", "text").count() == endless);
  for (const char* same : {"3", "\"unlimited\""})
    CHECK(ParamType<Epochs>::text(read_text<Epochs>(same, "text")) == same);
}
