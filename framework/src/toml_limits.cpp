#include "toml_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace twinflow {

namespace {

/// Reads strings, comments and brackets as a TOML parser does up to its first syntax error; what comes behind
/// that is never parsed.
class Scan {
 public:
  Scan(std::string_view content, std::shared_ptr<const Place::Text> text, Problems& problems)
      : content_(content), text_(std::move(text)), problems_(problems) {}

  void run() {
    while (at_ < content_.size() && !failed_) step();
  }

 private:
  void step() {
    const char c = content_[at_];
    switch (c) {
      case '"':
      case '\'':
        return skip_string(c);
      case '#':
        at_ = std::min(content_.find('\n', at_), content_.size());
        return;
      case '\n':
        ++line_;
        line_start_ = at_ + 1;
        dots_ = 0;
        break;
      case '.':
        ++dots_;
        check_depth();
        break;
      case '=':
      case ',':
        if (c == ',') dots_ = 0;
        count_value();
        break;
      case '[':
      case '{':
        open_.push_back(dots_);
        depth_ += dots_ + 1;
        dots_ = 0;
        check_depth();
        count_value();
        break;
      case ']':
      case '}':
        if (!open_.empty()) {
          depth_ -= open_.back() + 1;
          open_.pop_back();
        }
        dots_ = 0;
        break;
      case ' ':
      case '\t':
      case '\r':
        break;
      default:
        return skip_word();
    }
    ++at_;
  }

  void skip_word() {
    const std::size_t end = std::min(content_.find_first_of(" \t\r\n\"'#.=,[]{}", at_), content_.size());
    if (end - at_ > TomlLimits::word)
      fail(fmt::format("a key or a value without quotes has at most {} characters", TomlLimits::word));
    at_ = end;
  }

  void skip_string(char quote) {
    const std::size_t begin = at_;
    const std::string three(3, quote);
    const bool several_lines = content_.substr(at_, 3) == three;
    std::size_t end = at_ + (several_lines ? 3 : 1);
    for (; end < content_.size(); ++end) {
      if (content_[end] == '\\' && quote == '"')
        ++end;  // whatever comes next does not close it
      else if (several_lines ? content_.substr(end, 3) == three : content_[end] == quote)
        break;
      else if (content_[end] == '\n' && !several_lines)
        break;  // not closed: a syntax error
    }
    if (several_lines) {
      end += 3;
      for (int more = 0; more < 2 && end < content_.size() && content_[end] == quote; ++more) ++end;
    } else if (end < content_.size() && content_[end] == quote) {
      ++end;
    }
    end = std::min(end, content_.size());
    if (end - begin > TomlLimits::string)
      return fail(
          fmt::format("a string has at most {} bytes; this one has {}", TomlLimits::string, end - begin));
    for (; at_ < end; ++at_)
      if (content_[at_] == '\n') {
        ++line_;
        line_start_ = at_ + 1;
      }
  }

  void check_depth() {
    if (depth_ + dots_ > TomlLimits::levels)
      fail(fmt::format(
          "this is nested too deep: at most {} tables, lists and parts of a dotted key lie inside "
          "of each other",
          TomlLimits::levels));
  }

  void count_value() {
    if (++values_ > TomlLimits::values)
      fail(fmt::format("there are more than {} values in one file", TomlLimits::values));
  }

  void fail(std::string message) {
    const auto begin = content_.begin() + static_cast<std::ptrdiff_t>(line_start_);
    const auto column = 1 + std::count_if(begin, content_.begin() + static_cast<std::ptrdiff_t>(at_),
                                          [](char one) { return (one & 0xC0) != 0x80; });
    problems_.error({text_, line_, static_cast<int>(column)}, std::move(message));
    failed_ = true;
  }

  std::string_view content_;
  std::shared_ptr<const Place::Text> text_;
  Problems& problems_;
  std::size_t at_ = 0, line_start_ = 0, values_ = 0;
  int line_ = 1;
  bool failed_ = false;
  int dots_ = 0;           // of the key that is being read, or of a number
  int depth_ = 0;          // levels of all that is open
  std::vector<int> open_;  // for each bracket the dots of the key before it
};

}  // namespace

void check_toml_limits(std::string_view content, const std::shared_ptr<const Place::Text>& text,
                       Problems& problems) {
  if (content.size() > TomlLimits::bytes)
    problems.error({text, 1, 1},
                   fmt::format("this has {} bytes; at most {} are read", content.size(), TomlLimits::bytes));
  else
    Scan(content, text, problems).run();
}

}  // namespace twinflow
