#pragma once

#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <iostream>
#include <map>
#include <string>

#include "twinflow/error.h"

/// A benchmark's main(): its options, each with its default ("--threads" among them), then the measuring in
/// an arena of so many threads. Gives out the exit code.
template <class Measure>
int run_benchmark(int count, char** arguments, std::map<std::string, std::string> options,
                  const Measure& measure) {
  try {
    for (int i = 1; i + 1 < count; i += 2) {
      if (!options.contains(arguments[i]))
        throw twinflow::Error(std::string("there is no option ") + arguments[i]);
      options[arguments[i]] = arguments[i + 1];
    }
    const int threads = std::stoi(options.at("--threads"));
    tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    arena.execute([&] { measure(options); });
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
