#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Names come from outside (folders, files, graph files) as bytes. Wherever such bytes go into a sentence, a
/// terminal, JSON, CSV, or a name of a data set, they are escaped first, so that every output is valid UTF-8
/// and no name can steer a terminal. All functions are pure and may be called from any thread.
namespace twinflow {

/// The bytes of the well-formed UTF-8 character that `text` begins with, 1 to 4; 0 when it begins with none,
/// or is empty (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text);
bool is_utf8(std::string_view text);

/// The bytes as UTF-8 on one line: a byte that is not part of a character becomes `\xe4`, a control character
/// (C0, DEL, C1, line and paragraph separators, marks that override the direction of writing) becomes
/// `\u001b`; anything else stays. What was escaped once stays as it is.
std::string shown(std::string_view bytes);
/// The same for text of several lines: line feeds and tabs stay.
std::string shown_lines(std::string_view bytes);

/// A text as a field of a CSV line (RFC 4180): as it is shown, and quoted where it has to be.
std::string csv_field(std::string_view text);

/// "a, b, c", and for longer lists the first `most` of them: "a, b, c and 97 more".
std::string some_of(const std::vector<std::string>& names, std::size_t most = 20);

}  // namespace twinflow
