#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace twinflow {

/// A regular expression that a user wrote, for names. It is matched in time linear in the name, whatever the
/// expression (RE2's syntax: what Perl and ECMAScript share, without backreferences and lookaround). Names
/// are matched as they are shown (text.h). Immutable after construction; may be used by any thread.
class Pattern {
 public:
  /// Throws Error, "'a(' is not a regular expression: missing ): a(", for what is malformed, too large, or
  /// uses what cannot be matched in linear time.
  explicit Pattern(const std::string& expression);

  /// How many groups there are that take a part of the name.
  int groups() const;
  /// Whether it fits the whole name.
  bool matches(std::string_view name) const;
  /// What the first group takes where the expression first fits a part of the name; empty where it fits none.
  /// Needs a group.
  std::optional<std::string> first_group(std::string_view name) const;

 private:
  std::shared_ptr<const re2::RE2> expression_;
};

}  // namespace twinflow
