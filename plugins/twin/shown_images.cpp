#include "shown_images.h"

namespace twinflow::twin {

ShownImages shown_images(const std::vector<bool>& shown) {
  ShownImages made;
  made.row.resize(shown.size());
  for (std::size_t image = 0; image < shown.size(); ++image) {
    if (!shown[image]) continue;
    made.row[image] = static_cast<std::uint32_t>(made.images.size());
    made.images.push_back(image);
  }
  return made;
}

}  // namespace twinflow::twin
