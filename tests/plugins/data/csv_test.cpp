#include "plugins/data/csv.h"

#include <doctest/doctest.h>

#include "fake_omniglot.h"

using namespace twinflow::data;
using fake::error_of;

namespace {

using Fields = std::vector<std::string>;

std::string said(const std::string& text) {
  return error_of([&] { parse_csv(text, "x.csv"); });
}

}  // namespace

TEST_CASE("csv: columns and rows, each with its line") {
  const Csv csv = parse_csv("a,b\n1,2\n,\nx y, z \n", "x.csv");
  CHECK(csv.columns == Fields{"a", "b"});
  REQUIRE(csv.rows.size() == 3);
  CHECK(csv.rows[0].fields == Fields{"1", "2"});
  CHECK(csv.rows[1].fields == Fields{"", ""});
  CHECK(csv.rows[2].fields == Fields{"x y", " z "});  // RFC 4180: spaces belong to a field
  CHECK(csv.rows[2].line == 4);
  CHECK(csv.where(4) == "x.csv:4: ");
}

TEST_CASE("csv: quoted fields may hold commas, quotes and line ends") {
  const Csv csv = parse_csv("\"a\",b\n\"1,\"\"2\"\"\",\"\"\n\"two\nlines\",\"\"\"\"\nend,3", "x.csv");
  CHECK(csv.columns == Fields{"a", "b"});
  REQUIRE(csv.rows.size() == 3);
  CHECK(csv.rows[0].fields == Fields{"1,\"2\"", ""});
  CHECK(csv.rows[1].fields == Fields{"two\nlines", "\""});
  CHECK(csv.rows[1].line == 3);
  CHECK(csv.rows[2].fields == Fields{"end", "3"});
  CHECK(csv.rows[2].line == 5);
}

TEST_CASE("csv: CRLF, a byte order mark and empty lines make no difference") {
  const Csv csv = parse_csv("\xef\xbb\xbf\r\n\"a\",b\r\n\r\n1,\"2\"\r\n\n3,4\r\n\r\n", "x.csv");
  CHECK(csv.header == 2);
  CHECK(csv.columns == Fields{"a", "b"});
  REQUIRE(csv.rows.size() == 2);
  CHECK(csv.rows[0].fields == Fields{"1", "2"});
  CHECK(csv.rows[0].line == 4);
  CHECK(csv.rows[1].fields == Fields{"3", "4"});
  CHECK(csv.rows[1].line == 6);
}

TEST_CASE("csv: what is malformed is refused with its line") {
  CHECK(said("") == "x.csv:1: there is no line that names the columns");
  CHECK(said("\n\n") == "x.csv:1: there is no line that names the columns");
  CHECK(said("a,\n") == "x.csv:1: column 2 has no name");
  CHECK(said("\na,b,a\n") == "x.csv:2: two columns are called 'a'");
  CHECK(said("a,b\n1\n") == "x.csv:2: there are 1 fields; expected 2: a, b");
  CHECK(said("a,b\n1,2\n1,2,\n") == "x.csv:3: there are 3 fields; expected 2: a, b");
  CHECK(said("a,b\n1,x\"y\"\n") ==
        "x.csv:2: there is a quote within the field 'x\"y\"'; a field with quotes has to be quoted as a "
        "whole, its "
        "quotes doubled");
  CHECK(said("a,b\n\"1\"2,3\n") == "x.csv:2: the quoted field '1' goes on after its closing quote");
  CHECK(said("a,b\n1,\"2\n3,4\n") == "x.csv:2: a quote is opened and never closed");
  CHECK(said("a,b\n1,\"\"\"") == "x.csv:2: a quote is opened and never closed");
  CHECK(said("a,b\n1,2\r3,4\n") == "x.csv:2: there is a carriage return in the middle of the line");
  CHECK(said(std::string("a,b\n1,\0\n", 8)) == "x.csv:2: there is a zero byte: this is no text");
}

TEST_CASE("csv: UTF-8 is taken as it is, and what is not UTF-8 is refused") {
  // The first and last characters of each length, and the ones around the surrogates.
  for (const char* good : {"\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    const std::string text = std::string("a\n") + good + "\n";
    REQUIRE(said(text) == "");
    CHECK(parse_csv(text, "").rows[0].fields == Fields{good});
  }
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2x", "\xe0\x9f\xbf", "\xe0\xa0",
                          "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfc\x80\x80\x80\x80\x80"}) {
    CAPTURE(bad);
    CHECK(said(std::string("a\n1\n") + bad + "\n").starts_with("x.csv:3: the byte 0x"));
  }
  CHECK(said("a\nM\xfcller\n") == "x.csv:2: the byte 0xfc is not UTF-8");
}

TEST_CASE("csv: files") {
  fake::TempFolder temp;
  const std::string file = temp.write("x.csv", "a,b\n1,2\n");
  CHECK(read_csv(file).rows.size() == 1);
  CHECK(read_csv(file).name == file);
  CHECK(error_of([&] { read_csv(file, 7); }) ==
        "the list '" + file + "' is too large: at most 7 bytes are read");
  CHECK(error_of([&] { read_csv(temp.path / "none.csv"); }) ==
        "the list '" + (temp.path / "none.csv").string() + "' does not exist");
  CHECK(error_of([&] { read_csv(temp.path); }) ==
        "the list '" + temp.path.string() + "' is a folder, not a regular file");
  CHECK(error_of([&] { read_csv("/dev/zero"); }) == "the list '/dev/zero' is a device, not a regular file");
}

TEST_CASE("csv: columns, fields and sentences are bounded") {
  const auto columns = [](int count) {
    std::string line = "c0";
    for (int i = 1; i < count; ++i) line += ",c" + std::to_string(i);
    return line + "\n";
  };
  CHECK(said(columns(1'000)) == "");
  CHECK(said(columns(100'003)) == "x.csv:1: there are more than 1000 fields in a line");
  CHECK(said("a\n" + columns(100'003)) == "x.csv:2: there are more than 1000 fields in a line");
  const std::string long_field(65'537, 'x');
  CHECK(said("a\n" + long_field.substr(1)) == "");
  CHECK(said("a\n" + long_field) == "x.csv:2: a field has more than 65536 bytes");
  CHECK(said("a\n\"\n" + long_field + "\"") == "x.csv:2: a field has more than 65536 bytes");
  CHECK(said(columns(1'000) + "1\n") ==
        "x.csv:2: there are 1 fields; expected 1000: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, "
        "c13, "
        "c14, c15, c16, c17, c18, c19 and 980 more");
  CHECK(said("a,b,a\x1b[1m,a\x1b[1m\n") == "x.csv:1: two columns are called 'a\\u001b[1m'");
}
