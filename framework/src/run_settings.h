#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "twinflow/node.h"

namespace twinflow {

/// A number of epochs, or "unlimited".
struct Epochs {
  std::int64_t number = 10;
  bool unlimited = false;

  std::uint64_t count() const { return unlimited ? endless : static_cast<std::uint64_t>(number); }
};
template <>
struct ParamType<Epochs> {
  static ValueShape shape() { return {ValueShape::Kind::integer, {"unlimited"}, {}, nullptr, {}}; }
  static bool read(const Value& value, Epochs& out, Problems& problems);
  static std::string text(const Epochs& epochs);
};
template <class Visit>
void each_number(const Epochs& epochs, const Value& written, Visit&& visit) {
  if (!epochs.unlimited) visit(static_cast<double>(epochs.number), written.place);
}

/// A length of time, written as "90s", "15m", "1h30m" or "2d".
struct Duration {
  std::int64_t seconds = 0;
};
template <>
struct ParamType<Duration> {
  static ValueShape shape() { return {ValueShape::Kind::string, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, Duration& out, Problems& problems);
  static std::string text(const Duration& duration);
};

/// [run]: its parameters are declared like a node's.
struct RunSettings {
  std::int64_t seed = 1;
  Epochs epochs;
  std::int64_t steps_per_epoch = 0;
  std::optional<std::int64_t> max_steps;
  std::optional<Duration> max_time;
  std::int64_t save_every = 1;
  std::int64_t save_steps = 0;
  double save_minutes = 0;
  std::vector<std::string> progress;
  std::vector<std::filesystem::path> plugins;
  std::shared_ptr<const Connection> distributed;  // or nullptr
  bool batch_per_rank = false;

  static void describe(TableSpec<RunSettings>& spec);

  /// Nothing says how many items the run has.
  bool open_ended() const { return epochs.unlimited && !max_steps; }
};

}  // namespace twinflow
