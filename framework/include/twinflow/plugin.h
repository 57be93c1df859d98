#pragma once

#include <string>

#include "twinflow/node.h"

/// Registration. A plugin library is one or more source files that each end with TWINFLOW_NODE or
/// TWINFLOW_COMPONENT, and that say once who the library is:
///
///     TWINFLOW_NODE("augment.affine", Affine)
///     TWINFLOW_COMPONENT("optimizer", "adamw", AdamW)
///     TWINFLOW_PLUGIN("augment", "1.2.0", "A. Author <a@example.org>", "Changes images at random.")
///
/// TWINFLOW_PLUGIN takes name, version, author and description, none of them empty, in any namespace.
///
/// What a library offers, and the ABI it was built for, stands in the names of its sections. These are read
/// from the file without running its code and survive stripping. See framework/src/plugins.h for the reader.

#define TWINFLOW_VERSION "0.1.0"

// What must agree between a plugin and the framework for C++ objects to pass between them: the release, the
// compiler's ABI, the standard library with what changes its containers, and the sanitizer, whose runtime
// must be in the process from its start. The preprocessor measures it in every source file, so that no build
// can claim it wrongly.
#define TWINFLOW_TEXT_(x) #x
#define TWINFLOW_TEXT(x) TWINFLOW_TEXT_(x)
#ifdef _GLIBCXX_RELEASE
#define TWINFLOW_ABI_LIBRARY \
  "libstdc++" TWINFLOW_TEXT(_GLIBCXX_RELEASE) "/cxx11abi" TWINFLOW_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#define TWINFLOW_ABI_LIBRARY "libc++"
#endif
#ifdef _GLIBCXX_DEBUG
#define TWINFLOW_ABI_CONTAINERS "/debug"
#else
#define TWINFLOW_ABI_CONTAINERS ""
#endif
#if defined(__SANITIZE_ADDRESS__)
#define TWINFLOW_ABI_SANITIZER "/asan"
#elif defined(__SANITIZE_THREAD__)
#define TWINFLOW_ABI_SANITIZER "/tsan"
#else
#define TWINFLOW_ABI_SANITIZER ""
#endif
#define TWINFLOW_ABI                     \
  TWINFLOW_VERSION "/gxx" TWINFLOW_TEXT( \
      __GXX_ABI_VERSION) "/" TWINFLOW_ABI_LIBRARY TWINFLOW_ABI_CONTAINERS TWINFLOW_ABI_SANITIZER

// A file that was compiled without optimisation says so, as such a plugin is many times slower.
#ifdef __OPTIMIZE__
#define TWINFLOW_UNOPTIMISED_MARK_(id)
#else
#define TWINFLOW_UNOPTIMISED_MARK_(id) TWINFLOW_MARK_("twinflow/unoptimised", TWINFLOW_JOIN(unoptimised_, id))
#endif

namespace twinflow {

/// Who a plugin library is. None of the texts is empty.
struct PluginInfo {
  const char *name, *version, *author, *description;
};

}  // namespace twinflow

#define TWINFLOW_JOIN_(a, b) a##b
#define TWINFLOW_JOIN(a, b) TWINFLOW_JOIN_(a, b)
#define TWINFLOW_MARK_(section_name, id)                                                                     \
  __attribute__((section(section_name), used, retain)) static const char TWINFLOW_JOIN(twinflow_mark_, id) = \
      1;

#define TWINFLOW_REGISTER_(family, type_name, call, id)                         \
  namespace {                                                                   \
  TWINFLOW_MARK_("twinflow/abi/" TWINFLOW_ABI, TWINFLOW_JOIN(abi_, id))         \
  TWINFLOW_MARK_("twinflow/type/" family "/" type_name, id)                     \
  TWINFLOW_UNOPTIMISED_MARK_(id)                                                \
  [[maybe_unused]] const bool TWINFLOW_JOIN(twinflow_done_, id) = (call, true); \
  }

#define TWINFLOW_NODE(type_name, Class) \
  TWINFLOW_REGISTER_("node", type_name, ::twinflow::register_node<Class>(type_name), __COUNTER__)
#define TWINFLOW_COMPONENT(family, type_name, Class) \
  TWINFLOW_REGISTER_(family, type_name, ::twinflow::register_component<Class>(type_name), __COUNTER__)

// One symbol of that name in a library: the linker refuses a second.
#define TWINFLOW_PLUGIN(name, version, author, description)                                   \
  static_assert((name)[0] && (version)[0] && (author)[0] && (description)[0],                 \
                "TWINFLOW_PLUGIN: name, version, author and description may not be empty");   \
  namespace {                                                                                 \
  TWINFLOW_MARK_("twinflow/abi/" TWINFLOW_ABI, plugin_abi)                                    \
  TWINFLOW_MARK_("twinflow/plugin", plugin)                                                   \
  TWINFLOW_UNOPTIMISED_MARK_(plugin)                                                          \
  }                                                                                           \
  extern "C" {                                                                                \
  extern __attribute__((visibility("default"))) const ::twinflow::PluginInfo twinflow_plugin; \
  const ::twinflow::PluginInfo twinflow_plugin{name, version, author, description};           \
  }
