// Any bytes as a CSV file, and as a list of pairs of the files a, b and c: they are read, or refused with an
// Error. A table that was read is the same when its fields are written down and read again.
#include <algorithm>

#include "fuzz.h"
#include "plugins/data/csv.h"
#include "plugins/data/pair_list.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

std::string written(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    line += line.empty() ? "\"" : ",\"";
    for (const char one : field) line += one == '"' ? "\"\"" : std::string(1, one);
    line += '"';
  }
  return line + "\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const bool files = [] {
    for (const char* name : {"a", "b", "c"}) temp_folder().write(name, "");
    return true;
  }();
  demand(files, "the files are there");
  try {
    const Csv csv = parse_csv(text_of(bytes, size), "x.csv");
    std::string again = written(csv.columns);
    for (const Csv::Row& row : csv.rows) {
      demand(row.fields.size() == csv.columns.size(), "a row has another number of fields than columns");
      demand(row.line > csv.header, "a row stands before the columns' names");
      again += written(row.fields);
    }
    const Csv same = parse_csv(again, "again.csv");
    demand(same.columns == csv.columns, "the columns came back different");
    demand(std::equal(same.rows.begin(), same.rows.end(), csv.rows.begin(), csv.rows.end(),
                      [](const Csv::Row& a, const Csv::Row& b) { return a.fields == b.fields; }),
           "the rows came back different");

    const PairList list = read_pair_list(csv, temp_folder().path, 0);
    demand(list.pairs.size() == csv.rows.size() && list.parts.size() == csv.rows.size(),
           "a row is not a pair");
    demand(list.images.size() <= 3, "there are more images than files");
    for (const ListedPair& pair : list.pairs)
      demand(pair.left < list.images.size() && pair.right < list.images.size() && pair.left != pair.right,
             "a pair is not of two images");
    list.shared_images();
  } catch (const Error&) {
  }
  return 0;
}
