#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "plugins/data/fake_omniglot.h"
#include "program.h"

/// Few characters in Omniglot's layout, for the graphs that train on it at its whole size.
namespace few {

/// Eight alphabets of two characters, each by ten drawers, and runs of two classes.
inline void write(const TempFolder& temp) {
  fake::Files files;
  for (int character = 0; character < 16; ++character)
    for (int drawer = 1; drawer <= 10; ++drawer)
      files.emplace_back(fmt::format("Alphabet{}/character{:02}/{:04}_{:02}.png", character / 2,
                                     character % 2 + 1, character + 1, drawer),
                         fake::png(2 * character + drawer % 2));
  fake::write_folder(temp.path / "few/images_background", files);
  fake::write_folder(temp.path / "few/all_runs", fake::runs());
}

/// Runs the graph on them, in two epochs of a step of two pairs.
inline Finished run(const TempFolder& temp, const std::string& graph, const std::string& output,
                    const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{graph, "--output", output};
  for (const char* set : {"omniglot.path=few", "run.epochs=2", "run.steps_per_epoch=1", "pairs.pairs=2",
                          "held_out.ways=2", "held_out.trials=4"})
    arguments.insert(arguments.end(), {"--set", set});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return flowrun(temp, arguments);
}

}  // namespace few
