#include "csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "twinflow/error.h"

namespace twinflow::data {

namespace {

/// The bytes of the well-formed character that begins there; 0 when there is none (Unicode 15, table 3-7:
/// no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0; };
  const auto follows = [&](std::size_t i, int low = 0x80, int high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  const int first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef)
    return follows(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf) && follows(2) ? 3 : 0;
  if (first >= 0xf0 && first <= 0xf4)
    return follows(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf) && follows(2) && follows(3)
               ? 4
               : 0;
  return 0;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& name) : text_(text) { made_.name = name; }

  Csv parse() {
    check_characters();
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
    while (!text_.empty()) {
      Csv::Row row = take_row();
      if (row.fields.size() == 1 && row.fields[0].empty()) continue;
      if (made_.columns.empty())
        set_columns(std::move(row));
      else if (row.fields.size() != made_.columns.size())
        fail(row.line, fmt::format("there are {} fields; expected {}: {}", row.fields.size(),
                                   made_.columns.size(), fmt::join(made_.columns, ", ")));
      else
        made_.rows.push_back(std::move(row));
    }
    if (made_.columns.empty()) fail(1, "there is no line that names the columns");
    return std::move(made_);
  }

 private:
  void check_characters() const {
    std::size_t line = 1;
    for (std::size_t at = 0; at < text_.size();) {
      const std::size_t length = utf8_length(text_.substr(at));
      if (length == 0)
        fail(line, fmt::format("the byte 0x{:02x} is not UTF-8", static_cast<std::uint8_t>(text_[at])));
      if (text_[at] == '\0') fail(line, "there is a zero byte: this is no text");
      line += text_[at] == '\n';
      at += length;
    }
  }

  void set_columns(Csv::Row row) {
    for (auto one = row.fields.begin(); one != row.fields.end(); ++one) {
      if (one->empty()) fail(row.line, fmt::format("column {} has no name", one - row.fields.begin() + 1));
      if (std::find(row.fields.begin(), one, *one) != one)
        fail(row.line, fmt::format("two columns are called '{}'", *one));
    }
    made_.header = row.line;
    made_.columns = std::move(row.fields);
  }

  Csv::Row take_row() {
    Csv::Row row{line_, {}};
    do row.fields.push_back(starts('"') ? take_quoted() : take_plain());
    while (take(','));
    if (take('\r') && !starts('\n') && !text_.empty())
      fail(line_, "there is a carriage return in the middle of the line");
    if (take('\n')) ++line_;
    return row;
  }

  std::string take_plain() {
    const std::string field(text_.substr(0, text_.find_first_of(",\r\n")));
    text_.remove_prefix(field.size());
    if (field.find('"') != field.npos)
      fail(line_, fmt::format("there is a quote within the field '{}'; a field with quotes has to be quoted "
                              "as a whole, its quotes doubled",
                              field));
    return field;
  }

  std::string take_quoted() {
    const std::size_t begun = line_;
    std::string field;
    take('"');
    for (;;) {
      if (text_.empty()) fail(begun, "a quote is opened and never closed");
      if (take('"') && !starts('"')) break;  // of two quotes, the second is taken
      line_ += starts('\n');
      field += text_.front();
      text_.remove_prefix(1);
    }
    if (!text_.empty() && !starts(',') && !starts('\r') && !starts('\n'))
      fail(line_, fmt::format("the quoted field '{}' goes on after its closing quote", field));
    return field;
  }

  bool starts(char with) const { return text_.starts_with(with); }
  bool take(char one) {
    if (!starts(one)) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[noreturn]] void fail(std::size_t line, const std::string& what) const {
    throw Error(made_.where(line) + what);
  }

  std::string_view text_;  // what is left of it
  std::size_t line_ = 1;
  Csv made_;
};

}  // namespace

Csv parse_csv(const std::string& text, const std::string& name) { return Parser(text, name).parse(); }

Csv read_csv(const std::filesystem::path& file, std::size_t most) {
  std::error_code why;
  const std::uintmax_t size = std::filesystem::file_size(file, why);
  if (why) throw Error(fmt::format("{} cannot be read: {}", file.string(), why.message()));
  if (size > most)
    throw Error(
        fmt::format("{} has {} bytes, more than the {} that a list may have", file.string(), size, most));
  std::string text(size, '\0');
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(text.data(), static_cast<std::streamsize>(size)))
    throw Error(fmt::format("{} cannot be read", file.string()));
  return parse_csv(text, file.string());
}

}  // namespace twinflow::data
