#pragma once

#include <string>

#include "twinflow/error.h"

/// What the call says when it fails; "" when it does not.
template <class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const twinflow::Error& error) {
    return error.what();
  }
  return "";
}
