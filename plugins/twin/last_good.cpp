#include "last_good.h"

#include <fmt/format.h>

#include <exception>

#include "twinflow/folder.h"

namespace twinflow::twin {

std::string keep_last_good(Run& run, const std::optional<GoodModel>& good, const std::string& name) {
  const std::string advice = "; a smaller learning_rate, or clip_global_norm, may help. ";
  if (!good) return advice + "This process has seen no good model before";
  const std::string which =
      fmt::format("{}The last good model, of {} update{}, ", advice, good->step, good->step == 1 ? "" : "s");
  if (!run.writes()) return which + "is kept by the first rank";
  try {
    const Folder folder = run.folder();
    write_safetensors(folder, name, *good->weights);
    return fmt::format("{}is {}", which, folder.path_of(name).string());
  } catch (const std::exception& error) {  // the disk is full: that is not what ends the run
    return fmt::format("{}could not be kept: {}", which, error.what());
  }
}

Error distances_not_finite(Run& run, const Model& model, const std::optional<GoodModel>& good,
                           const std::string& file) {
  return Error(fmt::format(
      "the model of epoch {}, of {} update{}, gives distances that are not finite numbers, though its "
      "weights are: they are too large{}",
      model.epoch + 1, model.step, model.step == 1 ? "" : "s", keep_last_good(run, good, file)));
}

}  // namespace twinflow::twin
