#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "temp_folder.h"

/// What a JSON Schema finds wrong with TOML files, by file; "" where that is nothing. Empty, with a message,
/// where Debian's python3-jsonschema is not installed.
inline std::optional<std::map<std::string, std::string>> check_by_schema(
    const nlohmann::ordered_json& schema, const std::vector<std::string>& files) {
  const TempFolder temp;
  temp.write("schema.json", schema.dump());
  std::string command = "cd '" + temp.path.string() +
                        "' && /usr/bin/python3 '" TWINFLOW_SOURCE_DIR "/tests/json_schema.py' schema.json";
  for (const std::string& file : files) command += " '" + file + "'";
  const int status = std::system((command + " >stdout 2>stderr").c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  const std::string output = read_file(temp.path / "stdout");
  if (code == 77 || code == 127) {
    MESSAGE("skipped: /usr/bin/python3 has no tomllib or no jsonschema: " << output);
    return std::nullopt;
  }
  CAPTURE(read_file(temp.path / "stderr"));
  REQUIRE(code == 0);
  return nlohmann::json::parse(output).get<std::map<std::string, std::string>>();
}
