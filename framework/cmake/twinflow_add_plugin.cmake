# twinflow_add_plugin(NAME SOURCES FILE... [VISIBLE])
#
# Makes the plugin library NAME of C++20 sources, linked to the framework. One of the sources says who the library is,
# with TWINFLOW_PLUGIN (twinflow/plugin.h). The ABI stamp needs no setting: it is measured when the sources are compiled.
# It is optimised as by CMAKE_BUILD_TYPE=Release, unless another type is set: a library built without optimisation is
# many times slower, and flowinspect --doctor says so. Whatever else the sources need is linked as usual:
# target_link_libraries(NAME PRIVATE ...).
#
# Two plugins may use one name for different things, so nothing of a library is seen from outside but what it declares
# itself by. Types and exceptions match all the same, for the C++ library compares their names. VISIBLE shows
# everything, for a library that others link to.
function(twinflow_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 plugin VISIBLE "" SOURCES)
  if(plugin_UNPARSED_ARGUMENTS OR NOT plugin_SOURCES)
    message(FATAL_ERROR "usage: twinflow_add_plugin(NAME SOURCES FILE... [VISIBLE])")
  endif()
  add_library(${name} SHARED ${plugin_SOURCES})
  target_link_libraries(${name} PRIVATE twinflow::twinflow)
  # Where neither CMAKE_BUILD_TYPE nor CMAKE_CXX_FLAGS says anything of optimisation, CMake would have none.
  if(NOT CMAKE_CXX_FLAGS MATCHES "(^| )-O")
    separate_arguments(release UNIX_COMMAND "${CMAKE_CXX_FLAGS_RELEASE}")
    target_compile_options(${name} PRIVATE "$<$<STREQUAL:$<CONFIG>,>:${release}>")
  endif()
  if(NOT plugin_VISIBLE)
    set(symbols ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_symbols.map)
    target_link_options(${name} PRIVATE LINKER:--version-script=${symbols})
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS ${symbols})
  endif()
endfunction()
