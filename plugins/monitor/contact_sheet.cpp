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

/// Broken between words, where it is wider than that.
std::vector<std::string> lines_of(const std::string& text, std::size_t width) {
  std::vector<std::string> lines(1);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    if (at > 0 && text_width(lines.back() + ' ' + word) > width)
      lines.push_back(word);
    else
      lines.back() += (at > 0 ? " " : "") + word;
    at = end + 1;
  }
  return lines;
}

/// How many tiles belong together, how many of these stand beside each other, and how far they are magnified.
struct Layout {
  std::size_t together = 1, columns = 0, scale = 0;
};

/// Where everything goes.
struct Grid {
  Layout layout;
  std::vector<std::string> title;
  std::vector<std::size_t> lefts;     // of tiles that belong together, from the left of the first
  std::size_t column_width = 0;       // from one column to the next
  std::size_t tile_height = 0;        // of the highest tile, label included
  std::size_t width = 0, height = 0;  // of the sheet
};

Grid grid_of(const std::string& title, const std::vector<Tile>& tiles, Layout layout) {
  std::vector<std::size_t> widths(layout.together);  // of the widest tile, label included
  Grid grid;
  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const Tile& tile = tiles[i];
    std::size_t& width = widths[i % layout.together];
    width = std::max({width, framed_width(tile, layout.scale), text_width(tile.label)});
    grid.tile_height = std::max(grid.tile_height, M::line + 2 * M::frame + tile.size(2) * layout.scale);
  }
  const std::size_t between = layout.together > 1 ? 3 * M::margin : M::margin;
  for (const std::size_t width : widths) {
    grid.lefts.push_back(grid.column_width);
    grid.column_width += width + 2 * M::gap;
  }
  grid.column_width += between - 2 * M::gap;
  const std::size_t groups = (tiles.size() + layout.together - 1) / layout.together;
  const std::size_t fitting = (M::width - 2 * M::margin + between) / grid.column_width;
  grid.layout = layout;
  grid.layout.columns =
      std::max<std::size_t>(1, std::min(layout.columns > 0 ? layout.columns : fitting, groups));
  const std::size_t rows = (groups + grid.layout.columns - 1) / grid.layout.columns;
  grid.width = 2 * M::margin + grid.layout.columns * grid.column_width - between;
  grid.title = lines_of(title, std::max(grid.width, M::width) - 2 * M::margin);
  grid.height = M::margin + grid.title.size() * M::line + rows * (grid.tile_height + M::margin);
  for (const std::string& line : grid.title)
    grid.width = std::max(grid.width, text_width(line) + 2 * M::margin);
  return grid;
}

Grid best_grid(const std::string& title, const std::vector<Tile>& tiles, const Layout& asked) {
  if (asked.scale > 0) return grid_of(title, tiles, asked);
  for (std::size_t scale = 16; scale > 1; --scale) {
    const Grid grid = grid_of(title, tiles, {asked.together, asked.columns, scale});
    if (grid.width <= M::width && (grid.height <= M::height || asked.columns > 0)) return grid;
  }
  return grid_of(title, tiles, {asked.together, asked.columns, 1});
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
                 std::size_t columns, std::size_t scale, std::size_t together) {
  const Grid grid = best_grid(title, tiles, {together, columns, scale});
  Sheet sheet{grid.width, grid.height, {}};
  cv::Mat canvas = canvas_of(sheet);
  canvas.setTo(scalar(paper));
  for (std::size_t i = 0; i < grid.title.size(); ++i)
    write_text(canvas, grid.title[i], M::margin, M::margin / 2 + i * M::line, ink);

  for (std::size_t i = 0; i < tiles.size(); ++i) {
    const std::size_t group = i / together, row = group / grid.layout.columns;
    const std::size_t left =
        M::margin + group % grid.layout.columns * grid.column_width + grid.lefts[i % together];
    const std::size_t top = M::margin + grid.title.size() * M::line + row * (grid.tile_height + M::margin);
    write_text(canvas, tiles[i].label, left, top, frame_colour(tiles[i].kind));
    draw_framed(canvas, tiles[i], shades, left, top + M::line, grid.layout.scale);
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
