#include "optimizer_descend.h"

#include "loops.h"

namespace twinflow::twin {

TWINFLOW_WIDE void descend(float* __restrict w, const float* __restrict step, std::size_t count, float keep,
                           float rate) {
  for (std::size_t i = 0; i < count; ++i) w[i] = keep * w[i] - rate * step[i];
}

}  // namespace twinflow::twin
