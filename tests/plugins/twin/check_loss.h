#pragma once

#include "components.h"

/// What the tests of losses share.
namespace twinflow::twin {

/// What every loss must hold: PyTorch's values and gradients for all its cases in the reference, and
/// gradients that agree with finite differences.
inline void check_loss(const std::string& type) {
  const auto& data = reference()["losses"];
  for_each_case<Loss>("losses", type, [&](const nlohmann::json& one, const Loss& loss) {
    Labels labels;
    if (one["batch"] == "classes")
      labels.classes = data["classes"].get<std::vector<std::int32_t>>();
    else
      labels.same = data["same"].get<std::vector<std::uint8_t>>();
    const std::vector<IndexPair> pairs = loss.pairs(labels);
    std::vector<float> d = floats(one["d"]);
    REQUIRE(pairs.size() == d.size());
    std::vector<float> gradient(d.size(), 1e9f), unused(d.size());  // overwritten, not added to
    const double value = loss.value(labels, pairs, d, gradient);
    CHECK(value == doctest::Approx(one["loss"].get<double>()).epsilon(1e-6));
    check_close(gradient, floats(one["gradient_d"]), 1e-6);

    // Central differences: the losses work in f64 on f32 distances, so h may be small; its square times the
    // third derivative (at most scale^3 = 4096) over 6 stays below 1e-4.
    const float h = 1.0f / 4096.0f;
    for (std::size_t i = 0; i < d.size(); ++i) {
      CAPTURE(i);
      const float was = d[i];
      d[i] = was + h;
      const double above = loss.value(labels, pairs, d, unused);
      d[i] = was - h;
      const double below = loss.value(labels, pairs, d, unused);
      d[i] = was;
      const double slope = (above - below) / (2.0 * static_cast<double>(h));
      CHECK(std::abs(slope - static_cast<double>(gradient[i])) < 1e-4);
    }
  });
}

}  // namespace twinflow::twin
