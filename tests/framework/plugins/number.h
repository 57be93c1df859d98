#pragma once

/// A port type that a plugin and its test share, as two plugins would: each library has its own copy.
struct PluginNumber {
  static constexpr const char* port_type = "plugin number";
  double value = 0;
};
