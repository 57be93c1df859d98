#pragma once

#include <optional>

namespace twinflow {

/// The control board: named numbers that some nodes publish and others read, beside the stream, for settings
/// that follow what was measured (a monitor slows the learning rate down). What is published in one epoch is
/// what readers see from the next epoch on, so that no reader depends on who runs first. A name has one
/// publisher in a graph and any number of readers. Names are declared in `describe`:
///
///     spec.publishes("learning_rate_scale", &Plateau::scale);      // Publisher scale;
///     spec.reads("learning_rate_scale", &Train::scale);            // Reader scale{1.0};
struct BoardSlot {
  std::optional<double> now, next;  // this epoch's value, the next one's; empty until one was published

  void turn() { now = next; }
};

/// For stateful nodes, in process() and finish_epoch(): the last value of an epoch counts.
class Publisher {
 public:
  void set(double value) {
    if (slot) slot->next = value;
  }
  BoardSlot* slot = nullptr;  // set by the runtime before open()
};

/// From any thread; the same value all through an epoch.
class Reader {
 public:
  /// `unless`: the value until somebody has published one.
  explicit Reader(double unless) : unless_(unless) {}
  double get() const { return slot ? slot->now.value_or(unless_) : unless_; }
  const BoardSlot* slot = nullptr;  // set by the runtime before open(); stays empty when nobody publishes

 private:
  double unless_;
};

}  // namespace twinflow
