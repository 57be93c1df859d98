#pragma once

#include <string>

/// A family whose base class lives in libplugin_colours.so, for plugins that add to it.
class Colour {
 public:
  using Base = Colour;
  static constexpr const char* family = "colour";
  std::string type;
  virtual ~Colour();
};
