#pragma once

#include <filesystem>
#include <string>

#include "twinflow/twin/model.h"

namespace twinflow::twin {

/// A model from a safetensors file that describe_weights() has described; nothing else is needed. Where the
/// file says, as monitor.checkpoint writes, of which `epoch` (from 1) and `step` it is, the model knows.
///
/// The file may come from anywhere: its network is planned, and every tensor compared with it, before
/// anything of the network's size is made. Throws Error, in a sentence that names the file, for one that is
/// damaged (by its "checksum", if it has one), for metadata that are missing or make no network, and for
/// tensors that are missing, of another shape, too many, or not finite. On the main thread: a layer's library
/// may have to be loaded.
///
/// `precision` is what the file says, whether or not this processor has it.
Model read_model(const std::filesystem::path& file);

/// "5 layers, 111680 parameters and 512 moving averages, distance cosine, images of 1x35x35, bf16, epoch 5,
/// step 120": for people.
std::string model_text(const Model& model);

}  // namespace twinflow::twin
