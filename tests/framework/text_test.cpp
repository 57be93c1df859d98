#include "twinflow/text.h"

#include <doctest/doctest.h>

#include <string>

using namespace twinflow;

TEST_CASE("text: UTF-8 stays, and every other byte is escaped") {
  CHECK(shown("Grün/日本/🂡 \\ \"quoted\", a") == "Grün/日本/🂡 \\ \"quoted\", a");
  CHECK(shown("gr\xfcn") == "gr\\xfcn");
  CHECK(shown("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(shown("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(shown("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  CHECK(shown("cut \xe6\x97") == "cut \\xe6\\x97");
  CHECK(shown("").empty());
  CHECK(shown(shown("\x1b[2J\xe4")) == shown("\x1b[2J\xe4"));
}

TEST_CASE("text: control characters are escaped") {
  CHECK(shown("\x1b[31mred") == "\\u001b[31mred");
  CHECK(shown(std::string("a\0b", 3)) == "a\\u0000b");
  CHECK(shown("a\x7f"
              "b") == "a\\u007fb");
  CHECK(shown("a\xc2\x9b"
              "b") == "a\\u009bb");  // CSI as one character
  CHECK(shown("\xe2\x80\xae"
              "gnp.exe") == "\\u202egnp.exe");  // right-to-left override
  CHECK(shown("\xe2\x81\xa6") == "\\u2066");
  CHECK(shown("a\nb\tc\r") == "a\\u000ab\\u0009c\\u000d");
  CHECK(shown_lines("a\nb\tc\r\x1b") == "a\nb\tc\\u000d\\u001b");
}

TEST_CASE("text: whole texts") {
  CHECK(is_utf8("Grün"));
  CHECK(is_utf8(""));
  CHECK_FALSE(is_utf8("gr\xfcn"));
  CHECK(utf8_length("ü") == 2);
  CHECK(utf8_length("\xfc") == 0);
  CHECK(utf8_length("") == 0);
}

TEST_CASE("text: a field of a CSV line") {
  CHECK(csv_field("") == "");
  CHECK(csv_field("alpha 1") == "alpha 1");
  CHECK(csv_field("be,ta") == "\"be,ta\"");
  CHECK(csv_field("\"B\"") == "\"\"\"B\"\"\"");
  CHECK(csv_field("two\nlines") == "two\\u000alines");
  CHECK(csv_field("gr\xfcn,") == "\"gr\\xfcn,\"");
}

TEST_CASE("text: long lists are cut") {
  CHECK(some_of({}) == "");
  CHECK(some_of({"a", "b", "c"}, 3) == "a, b, c");
  CHECK(some_of({"a", "b", "c", "d", "e"}, 3) == "a, b, c and 2 more");
}
