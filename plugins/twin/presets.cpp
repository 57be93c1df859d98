#include "presets.h"

#include <algorithm>

#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

using Entries = Value::Table;

Value value(std::int64_t number) { return {number, {}}; }
Value value(double number) { return {number, {}}; }
Value value(bool truth) { return {truth, {}}; }
Value value(const char* text) { return {std::string(text), {}}; }

/// A layer as a graph file writes it, made by the same code.
Value layer(const char* type, Entries entries = {}) {
  entries.insert(entries.begin(), {"type", {}, value(type)});
  return {std::move(entries), {}};
}

Value conv(std::int64_t filters) {
  return layer("conv", {{"filters", {}, value(filters)}, {"bias", {}, value(false)}});
}
Value norm() { return layer("batch_norm", {{"momentum", {}, value(0.9)}}); }
Value relu() { return layer("relu"); }
Value pool() { return layer("max_pool"); }

Value block(std::int64_t filters) {
  return layer("residual",
               {{"layers", {}, {Value::List{conv(filters), norm(), relu(), conv(filters), norm()}, {}}}});
}

Value normal(double mean, double deviation) {
  return layer("normal", {{"mean", {}, value(mean)}, {"std", {}, value(deviation)}});
}
Value koch_start(const char* type, const char* count_key, std::int64_t count, double deviation,
                 Entries more) {
  more.insert(more.end(), {{count_key, {}, value(count)},
                           {"init", {}, normal(0.0, deviation)},
                           {"bias_init", {}, normal(0.5, 0.01)}});
  return layer(type, std::move(more));
}
Value koch_conv(std::int64_t filters, std::int64_t size) {
  return koch_start("conv", "filters", filters, 0.01,
                    {{"size", {}, value(size)}, {"padding", {}, value("valid")}});
}

Value::List conv4() {
  Value::List all;
  for (int i = 0; i < 4; ++i) all.insert(all.end(), {conv(64), norm(), relu(), pool()});
  all.push_back(layer("l2_normalize"));
  return all;
}

Value::List residual() {
  return {conv(32),
          norm(),
          relu(),
          pool(),
          block(64),
          pool(),
          block(128),
          pool(),
          block(256),
          pool(),
          layer("dense", {{"units", {}, value(std::int64_t{256})}}),
          layer("l2_normalize")};
}

Value::List koch2015() {
  return {koch_conv(64, 10), relu(), pool(),
          koch_conv(128, 7), relu(), pool(),
          koch_conv(128, 4), relu(), pool(),
          koch_conv(256, 4), relu(), koch_start("dense", "units", 4096, 0.2, {}),
          layer("sigmoid")};
}

struct Preset {
  const char* name;
  Value::List (*layers)();
};
constexpr Preset presets[] = {{"conv4", conv4}, {"residual", residual}, {"koch2015", koch2015}};

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& one : presets) names.emplace_back(one.name);
  return names;
}

Layers preset(const std::string& name) {
  for (const Preset& one : presets) {
    if (name != one.name) continue;
    Layers made;
    Problems problems;
    if (!ParamType<Layers>::read({one.layers(), {}}, made, problems))
      throw Error("preset " + name + ": " + problems.list().at(0).message);
    return made;
  }
  std::string known;
  for (const Preset& one : presets) known += (known.empty() ? "" : ", ") + std::string(one.name);
  throw Error("there is no network \"" + name + "\"" + did_you_mean(name, preset_names()) +
              " (known: " + known + ")");
}

}  // namespace twinflow::twin
