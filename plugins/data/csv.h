#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace twinflow::data {

/// A table of a CSV file (RFC 4180) whose first line names the columns.
struct Csv {
  struct Row {
    std::size_t line = 0;             // where it begins, from 1
    std::vector<std::string> fields;  // as many as there are columns
  };
  std::string name;        // of the file: for sentences
  std::size_t header = 1;  // the line that names the columns
  std::vector<std::string> columns;
  std::vector<Row> rows;

  std::string where(std::size_t line) const { return name + ":" + std::to_string(line) + ": "; }
};

/// Lines end in LF or CRLF, the last one may go without; a byte order mark and empty lines are passed over.
/// Throws Error with `name` and line for bytes that are not UTF-8, for a quote where none may be, one that is
/// not closed, a carriage return alone, a column without a name or with another's, for a row with more or
/// fewer fields than columns, and beyond 1,000 columns, 10,000,000 rows, or 65,536 bytes in a field. Linear
/// in bytes.
Csv parse_csv(const std::string& text, const std::string& name);

/// Throws Error as well where read_bounded() does: beyond `most` bytes, and for what is not a file.
Csv read_csv(const std::filesystem::path& file, std::size_t most = std::size_t{1} << 28);

}  // namespace twinflow::data
