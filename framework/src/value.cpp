#include "twinflow/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <tuple>

#include "twinflow/text.h"

namespace twinflow {

std::string Place::str() const {
  return fmt::format("{}:{}:{}", text ? shown(text->name) : "?", line, column);
}

const Value* Value::find(std::string_view key) const {
  const auto* table = get<Table>();
  if (!table) return nullptr;
  auto found =
      std::find_if(table->begin(), table->end(), [&](const Entry& entry) { return entry.key == key; });
  return found == table->end() ? nullptr : &found->value;
}

std::string Value::type_text() const {
  static const char* const names[] = {"a boolean", "an integer", "a number with a fraction",
                                      "a string",  "a list",     "a table"};
  return names[data.index()];
}

namespace {

/// Up to `most` bytes of what is printed, so that no value makes a message of megabytes.
std::string cut(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : text.substr(0, most) + "...";
}

/// The line, or of a long one the part around the column, and below it a caret under the column: as wide as
/// the text before it, its tabs kept.
std::string excerpt(const std::string& line, int column) {
  constexpr std::size_t before = 120, after = 80;  // bytes
  std::size_t at = 0;
  for (int passed = 0; at < line.size(); ++at) {
    if ((line[at] & 0xC0) == 0x80) continue;  // a byte inside a UTF-8 character
    if (++passed == column) break;
  }
  std::size_t begin = at > before ? at - before : 0, end = std::min(line.size(), at + after);
  while (begin > 0 && (line[begin] & 0xC0) == 0x80) --begin;
  while (end < line.size() && (line[end] & 0xC0) == 0x80) ++end;
  if (line.size() <= before + after) begin = 0, end = line.size();
  const std::string head = (begin > 0 ? "..." : "") + shown_lines(line.substr(begin, at - begin));
  std::string indent;
  for (const char c : head)
    if ((c & 0xC0) != 0x80) indent += c == '\t' ? '\t' : ' ';
  return fmt::format("  {}{}{}\n  {}^\n", head, shown_lines(line.substr(at, end - at)),
                     end < line.size() ? "..." : "", indent);
}

}  // namespace

std::string Problems::str() const {
  std::vector<const Problem*> sorted;
  for (const Problem& one : list_) sorted.push_back(&one);
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem* a, const Problem* b) {
    auto key = [](const Problem* p) {  // file by file, --set arguments after them
      const std::string_view name = p->place.text ? std::string_view(p->place.text->name) : "";
      return std::tuple(name == "--set", name, p->place.line, p->place.column);
    };
    return key(a) < key(b);
  });
  constexpr std::size_t longest_message = 10'000;
  std::string all;
  for (const Problem* one : sorted) {
    const Place& place = one->place;
    all += fmt::format("{}: {}: {}\n", place.str(), one->is_error ? "error" : "warning",
                       shown_lines(cut(one->message, longest_message)));
    if (place.text && place.line >= 1 && place.line <= static_cast<int>(place.text->lines.size()))
      all += excerpt(place.text->lines[place.line - 1], place.column);
  }
  return all;
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row.back();
}

/// How many letters are wrong; a half-typed word counts as one.
std::size_t slips(std::string_view typed, std::string_view word) {
  const bool half_typed = typed.size() >= 2 && word.starts_with(typed);
  return std::min<std::size_t>(edit_distance(typed, word), half_typed ? 1 : word.size() + typed.size());
}

}  // namespace

std::string did_you_mean(std::string_view typed, const std::vector<std::string>& candidates) {
  constexpr std::size_t longest = 100;  // names are shorter; the distance costs the product of both lengths
  if (typed.size() > longest) return "";
  const std::string* best = nullptr;
  std::size_t best_score =
      std::max<std::size_t>(2, (typed.size() + 2) / 3);  // farther than this is another word, not a slip
  for (const std::string& one : candidates) {
    if (one.size() > longest) continue;
    std::size_t score = slips(typed, one);
    if (const auto dot = one.find('.'); dot != std::string::npos)  // affine: augment.affine
      score = std::min(score, slips(typed, std::string_view(one).substr(dot + 1)));
    if (score < best_score || (score == best_score && !best)) best = &one, best_score = score;
  }
  if (best && best_score < std::max(typed.size(), best->size()))
    return "; did you mean '" + shown(*best) + "'?";
  return "";
}

}  // namespace twinflow
