#pragma once

#include <filesystem>
#include <string>

#include "processors.h"
#include "twinflow/doctor.h"

namespace twinflow {

/// What there is to say of a machine: `processors` of it are usable, and `root` is the folder that holds its
/// proc and sys.
void examine_machine(const UsableProcessors& processors, const std::filesystem::path& root,
                     Diagnosis& diagnosis);

/// This machine, this build and its oneTBB, the plugins that can be found, and whatever these say. Loads them
/// all. Main thread.
Diagnosis examine();

std::string text(const Diagnosis& diagnosis);

}  // namespace twinflow
