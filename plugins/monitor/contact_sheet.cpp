#include "contact_sheet.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "twinflow/error.h"

namespace twinflow::monitor {
namespace {

constexpr Colour paper{250, 250, 250}, ink{40, 40, 40};
constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
constexpr double font_scale = 0.42;
using M = SheetMeasures;

cv::Scalar scalar(const Colour& colour) { return cv::Scalar(colour[0], colour[1], colour[2]); }

std::size_t text_width(const std::string& text) {
  return static_cast<std::size_t>(cv::getTextSize(text, font, font_scale, 1, nullptr).width);
}

std::size_t framed_width(const Tile& tile, std::size_t scale) {
  return 2 * M::frame + tile.size(0) * (tile.size(3) * scale + M::gap) - M::gap;
}

/// Where everything goes.
struct Grid {
  std::size_t columns = 1, scale = 1;
  std::size_t tile_width = 0, tile_height = 0;  // of the widest and of the highest tile, labels included
  std::size_t width = 0, height = 0;            // of the sheet
};

Grid grid_of(const std::vector<Tile>& tiles, std::size_t columns, std::size_t scale) {
  Grid grid;
  grid.scale = scale;
  for (const Tile& tile : tiles) {
    grid.tile_width = std::max({grid.tile_width, framed_width(tile, scale), text_width(tile.label)});
    grid.tile_height = std::max(grid.tile_height, M::line + 2 * M::frame + tile.size(2) * scale);
  }
  const std::size_t fitting = (M::width - M::margin) / (grid.tile_width + M::margin);
  grid.columns = std::max<std::size_t>(1, std::min(columns > 0 ? columns : fitting, tiles.size()));
  const std::size_t rows = (tiles.size() + grid.columns - 1) / grid.columns;
  grid.width = M::margin + grid.columns * (grid.tile_width + M::margin);
  grid.height = M::margin + M::line + rows * (grid.tile_height + M::margin);
  return grid;
}

Grid best_grid(const std::vector<Tile>& tiles, std::size_t columns, std::size_t scale) {
  if (scale > 0) return grid_of(tiles, columns, scale);
  for (scale = 16; scale > 1; --scale) {
    const Grid grid = grid_of(tiles, columns, scale);
    if (grid.width <= M::width && (grid.height <= M::height || columns > 0)) return grid;
  }
  return grid_of(tiles, columns, 1);
}

void write_text(cv::Mat& canvas, const std::string& text, std::size_t x, std::size_t y,
                const Colour& colour) {
  const cv::Point base_line(static_cast<int>(x), static_cast<int>(y + M::line) - 6);
  cv::putText(canvas, text, base_line, font, font_scale, scalar(colour), 1, cv::LINE_AA);
}

/// One picture of a tile, magnified.
void draw(const Tile& tile, std::size_t picture, const Shades& shades, cv::Mat target) {
  const std::size_t channels = tile.size(1), height = tile.size(2), width = tile.size(3);
  const float* first = tile.pictures.values.data() + picture * channels * height * width;
  cv::Mat_<cv::Vec3b> small(static_cast<int>(height), static_cast<int>(width));
  for (std::size_t pixel = 0; pixel < height * width; ++pixel) {
    cv::Vec3b& shown = *(small.begin() + static_cast<std::ptrdiff_t>(pixel));
    for (int k = 0; k < 3; ++k) {
      const float value = first[pixel + (channels == 3 ? static_cast<std::size_t>(k) * height * width : 0)];
      if (!std::isfinite(value)) {
        shown = cv::Vec3b(255, 0, 255);
        break;
      }
      shown[k] = shades.shade(value);
    }
  }
  cv::resize(small, target, target.size(), 0, 0, cv::INTER_NEAREST);
}

cv::Mat part(cv::Mat& canvas, std::size_t x, std::size_t y, std::size_t width, std::size_t height) {
  return canvas(
      cv::Rect(static_cast<int>(x), static_cast<int>(y), static_cast<int>(width), static_cast<int>(height)));
}

/// The frame with the pictures in it, from there on.
void draw_framed(cv::Mat& canvas, const Tile& tile, const Shades& shades, std::size_t left, std::size_t top,
                 std::size_t scale) {
  const std::size_t width = tile.size(3) * scale, height = tile.size(2) * scale;
  part(canvas, left, top, framed_width(tile, scale), height + 2 * M::frame)
      .setTo(scalar(frame_colour(tile.kind)));
  for (std::size_t picture = 0; picture < tile.size(0); ++picture)
    draw(tile, picture, shades,
         part(canvas, left + M::frame + picture * (width + M::gap), top + M::frame, width, height));
}

/// A sheet of that size, and what draws on it.
cv::Mat canvas_of(Sheet& sheet) {
  sheet.rgb.resize(3 * sheet.width * sheet.height);
  return cv::Mat(static_cast<int>(sheet.height), static_cast<int>(sheet.width), CV_8UC3, sheet.rgb.data());
}

}  // namespace

Colour frame_colour(Tile::Kind kind) {
  // Told apart by those, too, who do not tell red from green (Okabe and Ito 2008).
  switch (kind) {
    case Tile::Kind::same:
      return {0, 130, 95};
    case Tile::Kind::different:
      return {213, 94, 0};
    case Tile::Kind::one_class:
      break;
  }
  return {80, 90, 110};
}

Shades shades_of(const std::vector<Tile>& tiles) {
  constexpr double rounding = 1e-4;
  Shades shades;
  double least = 0, greatest = 1;
  bool any = false;
  for (const Tile& tile : tiles)
    for (const double value : tile.pictures.values) {
      if (!std::isfinite(value)) {
        ++shades.not_finite;
        continue;
      }
      least = any ? std::min(least, value) : value;
      greatest = any ? std::max(greatest, value) : value;
      any = true;
    }
  shades.stretched = any && (least < -rounding || greatest > 1 + rounding);
  if (shades.stretched) {
    shades.black = least;
    shades.white = greatest;
  }
  return shades;
}

std::uint8_t Shades::shade(double value) const {
  const double share = white > black ? (value - black) / (white - black) : 0.5;
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0)));
}

Sheet draw_sheet(const std::string& title, const std::vector<Tile>& tiles, const Shades& shades,
                 std::size_t columns, std::size_t scale) {
  const Grid grid = best_grid(tiles, columns, scale);
  Sheet sheet{std::max(grid.width, text_width(title) + 2 * M::margin), grid.height, {}};
  cv::Mat canvas = canvas_of(sheet);
  canvas.setTo(scalar(paper));
  write_text(canvas, title, M::margin, M::margin / 2, ink);

  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const Tile& tile = tiles[i];
    const std::size_t left = M::margin + i % grid.columns * (grid.tile_width + M::margin);
    const std::size_t top = M::margin + M::line + i / grid.columns * (grid.tile_height + M::margin);
    write_text(canvas, tile.label, left, top, frame_colour(tile.kind));
    draw_framed(canvas, tile, shades, left, top + M::line, grid.scale);
  }
  return sheet;
}

Sheet draw_tile(const Tile& tile, const Shades& shades) {
  Sheet sheet{framed_width(tile, 1), tile.size(2) + 2 * M::frame, {}};
  cv::Mat canvas = canvas_of(sheet);
  draw_framed(canvas, tile, shades, 0, 0, 1);
  return sheet;
}

std::string png_of(const Sheet& sheet) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(sheet.width);
  image.height = static_cast<png_uint_32>(sheet.height);
  image.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  const auto encode = [&](void* to) {
    return png_image_write_to_memory(&image, to, &size, 0, sheet.rgb.data(), 0, nullptr) != 0;
  };
  std::string bytes;
  bool good = encode(nullptr);  // how many bytes there will be
  if (good) {
    bytes.resize(size);
    good = encode(bytes.data());
  }
  if (!good)
    throw Error(fmt::format("a PNG image of {} x {} pixels cannot be made: {}", sheet.width, sheet.height,
                            image.message));
  bytes.resize(size);
  return bytes;
}

}  // namespace twinflow::monitor
