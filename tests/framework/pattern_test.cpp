#include "twinflow/pattern.h"

#include <doctest/doctest.h>

#include <string>

#include "error_of.h"

using namespace twinflow;

TEST_CASE("pattern: the whole name, or its first group") {
  CHECK(Pattern("g[0-9]+/.*").matches("g12/ü"));
  CHECK_FALSE(Pattern("g[0-9]+").matches("g12/ü"));
  CHECK(Pattern("[äö]b").matches("äb"));  // by characters, not by bytes
  CHECK(Pattern("gr.n").matches("grün"));
  CHECK(Pattern("gr\\\\xfcn").matches("gr\xfcn"));  // as it is shown
  CHECK(Pattern("_(\\d+)\\.png$").first_group("a_12.png") == "12");
  CHECK(Pattern("_(\\d+)|x").first_group("x") == "");
  CHECK(Pattern("_(\\d+)").first_group("a") == std::nullopt);
  CHECK(Pattern("(a)(?:b)(c)").groups() == 2);
}

TEST_CASE("pattern: what takes a backtracking engine for ever, or the whole stack, is linear") {
  const std::string name(100'000, 'x');
  CHECK_FALSE(Pattern("(x+x+)+y").matches(name));
  CHECK_FALSE(Pattern("(x*)*y").matches(name));
  CHECK(Pattern("(?:x|x)*").matches(name));  // std::regex calls itself once a character
  std::string nested = "x";
  for (int i = 0; i < 50'000; ++i) nested = "(" + nested + ")";
  CHECK(Pattern(nested).matches("x"));
}

TEST_CASE("pattern: what it refuses") {
  const auto problem = [](const std::string& expression) { return error_of([&] { Pattern{expression}; }); };
  CHECK(problem("a(") == "'a(' is not a regular expression: missing ): a(");
  CHECK(problem("(a)\\1") == "'(a)\\1' is not a regular expression: backreferences, \\1, are not supported");
  CHECK(problem("a(?!b)") ==
        "'a(?!b)' is not a regular expression: lookahead, lookbehind and named groups, "
        "(?!...), are not supported");
  CHECK(problem("((a{100}){100}){100}") ==
        "'((a{100}){100}){100}' is not a regular expression: invalid repetition size: {100}");
  CHECK(problem("\xe4") == "'\\xe4' is not a regular expression: invalid UTF-8");
}
