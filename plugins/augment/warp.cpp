#include "warp.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "twinflow/dataset.h"
#include "warp_loops.h"

namespace twinflow::augment {

std::vector<std::pair<std::string, Fill>> fill_names() {
  return {{"nearest", Fill::nearest},
          {"constant", Fill::constant},
          {"reflect", Fill::reflect},
          {"wrap", Fill::wrap}};
}

namespace {

Fold fold(const Resampling& how) {
  const bool scipy = how.compat == Compat::keras_1_1;
  switch (how.fill) {
    case Fill::nearest:
      return Fold::none;
    case Fill::constant:
      return scipy ? Fold::scipy_cut : Fold::none;
    case Fill::reflect:
      return Fold::mirror;
    case Fill::wrap:
      break;
  }
  return scipy ? Fold::scipy_wrap : Fold::wrap;
}

template <class T>
void copy_row(const T* from, T* to, std::size_t count) {
  std::copy_n(from, count, to);
}
void copy_row(const std::uint8_t* from, float* to, std::size_t count) { to_unit(from, to, count); }

/// An image with what stands around it.
template <class T>
struct Framed {
  template <class Source>
  Framed(const Source* source, const Walk& walk, Fill fill, T outside)
      : before(2 * walk.reach - 1),
        rows(walk.height + before + 2 * walk.reach),
        columns(walk.width + before + 2 * walk.reach),
        pixels(std::make_unique_for_overwrite<T[]>(static_cast<std::size_t>(rows) *
                                                   static_cast<std::size_t>(columns))) {
    for (int r = 0; r < rows; ++r) {
      T* to = row(r);
      const int from = pixel_at(r - before, walk.height, fill);
      if (from < 0) {
        std::fill_n(to, columns, outside);
        continue;
      }
      T* inside = to + before;
      copy_row(source + static_cast<std::size_t>(from) * static_cast<std::size_t>(walk.width), inside,
               static_cast<std::size_t>(walk.width));
      const auto set = [&](int c) {
        const int like = pixel_at(c, walk.width, fill);
        inside[c] = like < 0 ? outside : inside[like];
      };
      for (int c = -before; c < 0; ++c) set(c);
      for (int c = walk.width; c < columns - before; ++c) set(c);
    }
  }

  T* row(int r) { return pixels.get() + static_cast<std::size_t>(r) * static_cast<std::size_t>(columns); }
  Bordered<T> bordered() const { return {pixels.get(), columns, before}; }

  int before, rows, columns;
  std::unique_ptr<T[]> pixels;
};

float value(float pixel) { return pixel; }
float value(std::uint8_t pixel) { return unit_pixel(pixel); }

Walk walk(std::size_t height, std::size_t width, const AffineMatrix& matrix, const Resampling& how) {
  return {matrix, static_cast<int>(height), static_cast<int>(width), fold(how),
          how.interpolation == Interpolation::cubic ? 2 : 1};
}

template <class Source>
void warp_floats(const Source* source, float* target, const Walk& walk, const Resampling& how) {
  const float outside = static_cast<float>(how.cval);
  const Framed<float> framed(source, walk, how.fill, outside);
  switch (how.interpolation) {
    case Interpolation::nearest:
      return warp_nearest(walk, framed.bordered(), target);
    case Interpolation::bilinear:
      return warp_bilinear(walk, framed.bordered(), target);
    case Interpolation::cubic:
      break;
  }
  const std::size_t size = static_cast<std::size_t>(walk.height) * static_cast<std::size_t>(walk.width);
  const auto [least, greatest] = std::minmax_element(source, source + size);
  float low = value(*least), high = value(*greatest);
  if (how.fill == Fill::constant) low = std::min(low, outside), high = std::max(high, outside);
  warp_cubic(walk, framed.bordered(), low, high, target);
}

}  // namespace

void warp(const float* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how) {
  warp_floats(source, target, walk(height, width, matrix, how), how);
}

void warp(const std::uint8_t* source, float* target, std::size_t height, std::size_t width,
          const AffineMatrix& matrix, const Resampling& how) {
  const Walk places = walk(height, width, matrix, how);
  const double outside = how.fill == Fill::constant ? how.cval * 255 : 0;
  const bool bytes = outside >= 0 && outside <= 255 && outside == std::round(outside);
  if (how.interpolation != Interpolation::bilinear || !bytes) return warp_floats(source, target, places, how);

  Framed<std::uint8_t> framed(source, places, how.fill, static_cast<std::uint8_t>(outside));
  const int columns = framed.columns;
  const auto size = static_cast<std::size_t>(framed.rows - 1) * static_cast<std::size_t>(columns);
  const auto pairs = std::make_unique_for_overwrite<std::uint16_t[]>(size);
  // Row by row without a gap: one loop over all of them.
  interleave(framed.row(0), framed.row(1), pairs.get(), size);
  warp_bytes(places, {pairs.get(), columns, framed.before}, target);
}

}  // namespace twinflow::augment
