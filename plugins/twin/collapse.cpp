#include "collapse.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace twinflow::twin {

bool all_alike(const Embeddings& e) {
  if (e.count < 2) return false;
  float largest = 0.0f, spread = 0.0f;
  std::vector<float> low(e.row(0), e.row(0) + e.size), high = low;
  for (std::size_t i = 0; i < e.count; ++i)
    for (std::size_t k = 0; k < e.size; ++k) {
      low[k] = std::min(low[k], e.row(i)[k]);
      high[k] = std::max(high[k], e.row(i)[k]);
    }
  for (std::size_t k = 0; k < e.size; ++k) {
    largest = std::max({largest, std::abs(low[k]), std::abs(high[k])});
    spread = std::max(spread, high[k] - low[k]);
  }
  return spread <= 1e-5f * largest;
}

bool all_alike(const Images& images) {
  const std::size_t size = images.image_size();
  for (std::size_t i = 1; i < images.count; ++i)
    if (!std::equal(images.image(0), images.image(0) + size, images.image(i))) return false;
  return images.count > 1;
}

std::string collapse_text(const std::string& model, bool images_alike) {
  return images_alike
             ? "all images have the same pixels, so that no model can tell them apart: look at the files"
             : model + " has collapsed: it tells no image from another";
}

}  // namespace twinflow::twin
