#include "twinflow/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include "twinflow/error.h"
#include "twinflow/text.h"

namespace twinflow {

namespace {

/// What is wrong with it, for people who expect another dialect.
std::string reason(const re2::RE2& expression) {
  const std::string& part = expression.error_arg();
  for (const char* look : {"(?=", "(?!", "(?<"})
    if (part == look)
      return fmt::format("lookahead, lookbehind and named groups, {}...), are not supported", part);
  if (part.size() == 2 && part[0] == '\\' && part[1] >= '1' && part[1] <= '9')
    return fmt::format("backreferences, {}, are not supported", part);
  return expression.error();
}

}  // namespace

Pattern::Pattern(const std::string& expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);  // to standard error
  expression_ = std::make_shared<const re2::RE2>(expression, options);
  if (!expression_->ok())
    throw Error(
        fmt::format("'{}' is not a regular expression: {}", shown(expression), shown(reason(*expression_))));
}

int Pattern::groups() const { return expression_->NumberOfCapturingGroups(); }

bool Pattern::matches(std::string_view name) const { return re2::RE2::FullMatch(shown(name), *expression_); }

std::optional<std::string> Pattern::first_group(std::string_view name) const {
  std::string group;
  if (!re2::RE2::PartialMatch(shown(name), *expression_, &group)) return std::nullopt;
  return group;
}

}  // namespace twinflow
