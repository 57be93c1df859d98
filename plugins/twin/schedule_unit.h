#pragma once

#include "twinflow/twin/schedule.h"

namespace twinflow::twin {

/// What the whole numbers of a schedule count.
enum class Unit { updates, epochs };

/// That many of the unit, in updates.
inline double in_updates(std::uint64_t count, Unit unit, const Moment& now) {
  return static_cast<double>(count) * (unit == Unit::epochs ? now.updates_per_epoch : 1.0);
}

/// The parameter that chooses between them.
template <class Type>
void describe_unit(Spec<Type>& spec) {
  spec.param("unit", &Type::unit)
      .names({{"updates", Unit::updates}, {"epochs", Unit::epochs}})
      .doc("what the schedule's whole numbers count");
}

}  // namespace twinflow::twin
