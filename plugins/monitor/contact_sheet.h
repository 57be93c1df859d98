#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "twinflow/tensors.h"

namespace twinflow::monitor {

using Colour = std::array<std::uint8_t, 3>;  // red, green, blue

/// Pictures side by side in a frame, under a label.
struct Tile {
  enum class Kind { same, different, one_class };  // its colour

  std::string label;
  Kind kind = Kind::one_class;
  Tensor pictures;  // count x channels x height x width; 1 channel, or 3: red, green, blue

  std::size_t size(int dimension) const { return static_cast<std::size_t>(pictures.shape[dimension]); }
};
Colour frame_colour(Tile::Kind kind);

/// What is black, and what is white.
struct Shades {
  double black = 0, white = 1;
  bool stretched = false;      // other than 0 and 1, because values lie outside of these
  std::size_t not_finite = 0;  // values that have no shade

  std::uint8_t shade(double value) const;
};
/// For all tiles together. [0, 1] may be left by a rounding error.
Shades shades_of(const std::vector<Tile>& tiles);

/// Pixels: rows of red, green, blue.
struct Sheet {
  std::size_t width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// What measures a sheet, in its pixels. The pictures of the tile in a row and column of the grid start at
///
///     y = margin + lines of the title * line + row * (line + 2 frame + height + margin) + line + frame
///     x = margin + column * (width of the widest tile + margin) + frame
///
/// and are `gap` apart; height is that of the highest picture, magnified. Tiles that belong together are 2
/// gap apart, each as wide as the widest in its place among them, and 3 margin from the next.
struct SheetMeasures {
  static constexpr std::size_t margin = 10, line = 18, frame = 3, gap = 3, width = 1200, height = 1200;
};

/// What is not finite becomes magenta. `columns`: tiles beside each other; `scale`: how many times pictures
/// are magnified; 0: as it fits. Then the sheet is no wider than 1200 pixels, if a tile is not, and as large
/// as it can be without getting higher than that. So many tiles belong `together`: they stand side by side,
/// and columns are of them. A title that is too long goes on in further lines.
Sheet draw_sheet(const std::string& title, const std::vector<Tile>& tiles, const Shades& shades,
                 std::size_t columns, std::size_t scale, std::size_t together = 1);

/// A tile alone: its frame and its pictures, as large as they are, without label.
Sheet draw_tile(const Tile& tile, const Shades& shades);

/// The sheet as a PNG file's content.
std::string png_of(const Sheet& sheet);

}  // namespace twinflow::monitor
