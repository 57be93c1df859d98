#include "last_good.h"

#include <fmt/format.h>

namespace twinflow::twin {

std::string keep_last_good(const std::optional<GoodModel>& good, const std::filesystem::path& file) {
  const std::string advice = "; a smaller learning_rate, or clip_global_norm, may help. ";
  if (!good) return advice + "There is no model from before";
  write_safetensors(file, *good->weights);
  return fmt::format("{}The last good model, of {} update{}, is {}", advice, good->step,
                     good->step == 1 ? "" : "s", file.string());
}

}  // namespace twinflow::twin
