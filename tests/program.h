#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "temp_folder.h"

/// A program that ran to its end.
struct Finished {
  int exit_code = -1;  // -1: a signal ended it
  int signal = 0;
  std::string output, errors;
};

/// Starts a program, of the build unless it is named by its whole path. Its output goes to files in `temp`,
/// which is also its working folder.
class Process {
 public:
  Process(const TempFolder& temp, const std::string& name, const std::vector<std::string>& arguments)
      : temp_(temp) {
    const std::filesystem::path program = std::filesystem::path(TWINFLOW_BUILD_DIR "/bin") / name;
    std::string command = "cd '" + temp.path.string() + "' && exec '" + program.string() + "'";
    for (const std::string& one : arguments) command += " '" + one + "'";
    command += " >stdout 2>stderr </dev/null";
    process = fork();
    if (process == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
  }
  Finished wait() const {
    int status = 0;
    waitpid(process, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
            read_file(temp_.path / "stdout"), read_file(temp_.path / "stderr")};
  }
  pid_t process;

 private:
  const TempFolder& temp_;
};

inline Finished flowrun(const TempFolder& temp, const std::vector<std::string>& arguments) {
  return Process(temp, "flowrun", arguments).wait();
}

/// What the run in the folder `output` came to.
inline nlohmann::json run_result(const TempFolder& temp, const std::string& output) {
  return nlohmann::json::parse(read_file(temp.path / output / "result.json"));
}

/// A graph of this project.
inline std::string graph(const std::string& name) { return TWINFLOW_SOURCE_DIR "/graphs/" + name; }
