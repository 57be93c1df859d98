#include "csv.h"

#include <fmt/format.h>

#include <cstdint>
#include <set>
#include <string_view>

#include "twinflow/error.h"
#include "twinflow/read_bounded.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace {

constexpr std::size_t most_columns = 1'000, most_rows = 10'000'000, longest_field = 65'536;  // bytes

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
                                   made_.columns.size(), some_of(made_.columns)));
      else if (made_.rows.size() == most_rows)
        fail(row.line, fmt::format("there are more than {} rows", most_rows));
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
    std::set<std::string> names;
    for (const std::string& name : row.fields) {
      if (name.empty()) fail(row.line, fmt::format("column {} has no name", names.size() + 1));
      if (!names.insert(name).second) fail(row.line, fmt::format("two columns are called '{}'", name));
    }
    made_.header = row.line;
    made_.columns = std::move(row.fields);
  }

  Csv::Row take_row() {
    Csv::Row row{line_, {}};
    do {
      if (row.fields.size() == most_columns)
        fail(row.line, fmt::format("there are more than {} fields in a line", most_columns));
      row.fields.push_back(starts('"') ? take_quoted() : take_plain());
    } while (take(','));
    if (take('\r') && !starts('\n') && !text_.empty())
      fail(line_, "there is a carriage return in the middle of the line");
    if (take('\n')) ++line_;
    return row;
  }

  std::string take_plain() {
    const std::string field(text_.substr(0, text_.find_first_of(",\r\n")));
    check_length(line_, field.size());
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
      check_length(begun, field.size());
      text_.remove_prefix(1);
    }
    if (!text_.empty() && !starts(',') && !starts('\r') && !starts('\n'))
      fail(line_, fmt::format("the quoted field '{}' goes on after its closing quote", field));
    return field;
  }

  void check_length(std::size_t line, std::size_t bytes) const {
    if (bytes > longest_field) fail(line, fmt::format("a field has more than {} bytes", longest_field));
  }
  bool starts(char with) const { return text_.starts_with(with); }
  bool take(char one) {
    if (!starts(one)) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[noreturn]] void fail(std::size_t line, const std::string& what) const {
    throw Error(made_.where(line) + shown(what));
  }

  std::string_view text_;  // what is left of it
  std::size_t line_ = 1;
  Csv made_;
};

}  // namespace

Csv parse_csv(const std::string& text, const std::string& name) { return Parser(text, name).parse(); }

Csv read_csv(const std::filesystem::path& file, std::size_t most) {
  return parse_csv(read_bounded(file, most, "list"), shown(file.string()));
}

}  // namespace twinflow::data
