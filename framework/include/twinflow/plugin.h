#pragma once

#include <string>

#include "twinflow/node.h"

/// Registration. A plugin library is one or more source files that each end with TWINFLOW_NODE or
/// TWINFLOW_COMPONENT:
///
///     TWINFLOW_NODE("augment.affine", Affine)
///     TWINFLOW_COMPONENT("optimizer", "adamw", AdamW)
///
/// What a library offers, and the ABI it was built for, stands in the names of its sections. These are read
/// from the file without running its code and survive stripping. See framework/src/plugins.h for the reader.

// The framework's version and what must agree between a plugin and the framework for C++ objects to pass
// between them.
#define TWINFLOW_VERSION "0.1.0"
#define TWINFLOW_TEXT_(x) #x
#define TWINFLOW_TEXT(x) TWINFLOW_TEXT_(x)
#define TWINFLOW_ABI \
  TWINFLOW_VERSION "/gxx" TWINFLOW_TEXT(__GXX_ABI_VERSION) "/cxx11abi" TWINFLOW_TEXT(_GLIBCXX_USE_CXX11_ABI)

#define TWINFLOW_JOIN_(a, b) a##b
#define TWINFLOW_JOIN(a, b) TWINFLOW_JOIN_(a, b)
#define TWINFLOW_MARK_(section_name, id) \
  __attribute__((section(section_name), used)) static const char TWINFLOW_JOIN(twinflow_mark_, id) = 1;

#define TWINFLOW_REGISTER_(family, type_name, call, id)                         \
  namespace {                                                                   \
  TWINFLOW_MARK_("twinflow/abi/" TWINFLOW_ABI, TWINFLOW_JOIN(abi_, id))         \
  TWINFLOW_MARK_("twinflow/type/" family "/" type_name, id)                     \
  [[maybe_unused]] const bool TWINFLOW_JOIN(twinflow_done_, id) = (call, true); \
  }

#define TWINFLOW_NODE(type_name, Class) \
  TWINFLOW_REGISTER_("node", type_name, ::twinflow::register_node<Class>(type_name), __COUNTER__)
#define TWINFLOW_COMPONENT(family, type_name, Class) \
  TWINFLOW_REGISTER_(family, type_name, ::twinflow::register_component<Class>(type_name), __COUNTER__)
