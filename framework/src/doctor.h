#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "processors.h"
#include "twinflow/doctor.h"
#include "twinflow/ranks.h"

namespace twinflow {

/// What there is to say of a machine: `processors` of it are usable, and `root` is the folder that holds its
/// proc and sys.
void examine_machine(const UsableProcessors& processors, const std::filesystem::path& root,
                     Diagnosis& diagnosis);

/// This machine, this build and its oneTBB, the plugins that can be found, and whatever these say. Loads them
/// all. Main thread.
Diagnosis examine();

std::string text(const Diagnosis& diagnosis);

/// What the ranks find, side by side, with how fast they talk to each other: every rank calls it with what it
/// has found, and all are given the text. Throws Error where one does not answer.
std::string examine_ranks(Ranks& ranks, const Diagnosis& mine);

/// "0-3,8" of 0, 1, 2, 3, 8.
std::string number_ranges(const std::vector<int>& ascending);

}  // namespace twinflow
