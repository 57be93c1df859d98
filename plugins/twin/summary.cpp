#include "summary.h"

#include <fmt/format.h>

#include <algorithm>

namespace twinflow::twin {

std::string numbers_text(const Layers& layers, Shape image, const Distance& distance) {
  std::size_t parameters = 0, averages = 0;
  const Shape embedding = each_tensor(layers, image, [&](const std::string& name, const auto& shape) {
    const bool average = name.ends_with(".running_mean") || name.ends_with(".running_var");
    std::size_t count = 1;
    for (const std::int64_t size : shape) count *= static_cast<std::size_t>(size);
    (average ? averages : parameters) += count;
  });
  parameters += distance.weight_count(embedding.size());
  return fmt::format("{} parameters{}", parameters,
                     averages > 0 ? fmt::format(" and {} moving averages", averages) : "");
}

std::vector<std::string> summary(const Network& network, const std::string& numbers,
                                 std::size_t optimizer_bytes, std::size_t images, int threads) {
  const std::vector<Network::LayerRow> rows = network.rows();
  std::size_t width = 5;
  for (const Network::LayerRow& row : rows) width = std::max(width, row.layer.size());
  std::vector<std::string> lines{fmt::format("  {:<{}} {:>12} {:>12} {:>9}  {}", "layer", width, "output",
                                             "parameters", "GFLOP", "kernel")};
  double flops = 0.0;
  for (const Network::LayerRow& row : rows) {
    if (row.layer == "output") continue;  // a change of layout
    lines.push_back(fmt::format("  {:<{}} {:>12} {:>12} {:>9}  {}", row.layer, width, row.output.text(),
                                row.parameters > 0 ? fmt::format("{}", row.parameters) : "",
                                row.flops > 0.0 ? fmt::format("{:.4f}", row.flops * 1e-9) : "", row.kernel));
    flops += row.flops;
  }
  lines.push_back(fmt::format(
      "  {}, {:.3f} GFLOP for an image forward, {:.2f} GB for {} images at once on {} thread{}", numbers,
      flops * 1e-9, static_cast<double>(network.taken(threads).sum() + optimizer_bytes) * 1e-9, images,
      threads, threads == 1 ? "" : "s"));
  return lines;
}

}  // namespace twinflow::twin
