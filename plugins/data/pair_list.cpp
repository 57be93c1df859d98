#include "pair_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "twinflow/error.h"
#include "twinflow/text.h"
#include "twinflow/value.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

const std::vector<std::string> known = {"left", "right", "label", "split"};

class Reader {
 public:
  Reader(const Csv& csv, const fs::path& folder, std::uint8_t label_of_same)
      : csv_(csv), folder_(folder), label_of_same_(label_of_same) {}

  PairList read() {
    find_columns();
    if (csv_.rows.empty()) throw Error(csv_.name + " lists no pair");
    for (const Csv::Row& row : csv_.rows) add(row);
    return std::move(made_);
  }

 private:
  void find_columns() {
    for (std::size_t i = 0; i < csv_.columns.size(); ++i) {
      const std::string& name = csv_.columns[i];
      const auto at = std::find(known.begin(), known.end(), name);
      if (at == known.end())
        throw Error(fmt::format("{}there is no column '{}' in a list of pairs{} (columns: {})",
                                csv_.where(csv_.header), shown(name), did_you_mean(name, known),
                                fmt::join(known, ", ")));
      column_[static_cast<std::size_t>(at - known.begin())] = i;
    }
    for (std::size_t i = 0; i < 3; ++i)
      if (!column_[i])
        throw Error(fmt::format("{}the column '{}' is missing; there are {}", csv_.where(csv_.header),
                                known[i], some_of(csv_.columns)));
  }

  void add(const Csv::Row& row) {
    const ListedPair pair{image(row, 0), image(row, 1), same(row)};
    const PairList::Part part = this->part(row);
    if (pair.left == pair.right) fail(row, 1, "is the image on the left once more");
    const auto [at, is_new] = seen_.emplace(std::minmax(pair.left, pair.right), made_.pairs.size());
    if (!is_new) {
      const std::string line = fmt::format("line {}", lines_[at->second]);
      if (made_.pairs[at->second].same != pair.same)
        fail(row, 2, fmt::format("contradicts {}, which has this pair with the other label", line));
      if (made_.parts[at->second] != part)
        fail(row, 3, fmt::format("contradicts {}, which has this pair for another part", line));
    }
    made_.pairs.push_back(pair);
    made_.parts.push_back(part);
    lines_.push_back(row.line);
  }

  /// Two names of one file are one image.
  std::size_t image(const Csv::Row& row, std::size_t column) {
    const std::string& name = field(row, column);
    const auto [named, new_name] = by_name_.emplace(name, made_.images.size());
    if (!new_name) return named->second;
    if (name.empty()) fail(row, column, "names no file");
    std::error_code why;
    const fs::path file = fs::canonical(folder_ / fs::path(name), why);
    if (why)
      fail(row, column, fmt::format("cannot be found in '{}': {}", shown(folder_.string()), why.message()));
    if (!fs::is_regular_file(file, why)) fail(row, column, "is not a file");
    const auto [at, is_new] = by_file_.emplace(file.string(), made_.images.size());
    if (is_new) made_.images.push_back({file, shown(name), where(row, column)});
    return named->second = at->second;
  }

  bool same(const Csv::Row& row) const {
    const std::string& label = field(row, 2);
    if (label == "same" || label == "different") return label == "same";
    if (label != "0" && label != "1") fail(row, 2, "is no label; expected 0, 1, same or different");
    return label == (label_of_same_ == 0 ? "0" : "1");
  }

  PairList::Part part(const Csv::Row& row) const {
    if (!column_[3]) return PairList::Part::train;
    const auto& names = PairList::part_names;
    const auto at = std::find(names.begin(), names.end(), field(row, 3));
    if (at == names.end())
      fail(row, 3,
           fmt::format("is no part{} (parts: {})", did_you_mean(field(row, 3), {names.begin(), names.end()}),
                       fmt::join(names, ", ")));
    return static_cast<PairList::Part>(at - names.begin());
  }

  const std::string& field(const Csv::Row& row, std::size_t column) const {
    return row.fields[*column_[column]];
  }
  std::string where(const Csv::Row& row, std::size_t column) const {
    return fmt::format("{}{} '{}'", csv_.where(row.line), known[column], shown(field(row, column)));
  }
  [[noreturn]] void fail(const Csv::Row& row, std::size_t column, const std::string& what) const {
    throw Error(where(row, column) + " " + what);
  }

  const Csv& csv_;
  const fs::path& folder_;
  const std::uint8_t label_of_same_;
  std::array<std::optional<std::size_t>, 4> column_;                 // of each known column, where it stands
  std::map<std::string, std::size_t> by_name_, by_file_;             // images
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> seen_;  // two images -> the pair
  std::vector<std::size_t> lines_;                                   // of the pairs
  PairList made_;
};

}  // namespace

std::vector<ListedPair> PairList::of(Part part) const {
  std::vector<ListedPair> chosen;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (parts[i] == part) chosen.push_back(pairs[i]);
  return chosen;
}

std::string PairList::shared_images() const {
  std::vector<std::set<Part>> stands(images.size());
  for (std::size_t i = 0; i < pairs.size(); ++i)
    for (const std::size_t image : {pairs[i].left, pairs[i].right}) stands[image].insert(parts[i]);
  std::size_t count = 0;
  std::string first;
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (stands[i].size() < 2 || count++ > 0) continue;
    std::vector<std::string> in;
    for (const Part part : stands[i]) in.emplace_back(part_names[static_cast<std::size_t>(part)]);
    first = fmt::format("{} in {}", shown(images[i].file.string()), fmt::join(in, " and "));
  }
  if (count == 0) return "";
  return fmt::format(
      "{} of {} images stand{} in several parts, such as {}: these parts do not measure how well "
      "unseen images are told apart",
      count, images.size(), count == 1 ? "s" : "", first);
}

PairList read_pair_list(const Csv& csv, const fs::path& folder, std::uint8_t label_of_same) {
  return Reader(csv, folder, label_of_same).read();
}

}  // namespace twinflow::data
