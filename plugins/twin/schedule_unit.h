#pragma once

#include "twinflow/twin/schedule.h"

namespace twinflow::twin {

/// What the whole numbers of a schedule count.
enum class Unit { updates, epochs };

/// That many of the unit, in updates.
inline std::uint64_t in_updates(std::uint64_t count, Unit unit, const Moment& now) {
  return unit == Unit::epochs ? count * now.updates_per_epoch : count;
}

/// The parameter that chooses between them.
template <class Type>
void describe_unit(Spec<Type>& spec) {
  spec.param("unit", &Type::unit)
      .names({{"updates", Unit::updates}, {"epochs", Unit::epochs}})
      .doc("what the schedule's whole numbers count");
}

}  // namespace twinflow::twin
