#include "parameter.h"

#include <fmt/format.h>

#include <algorithm>

#include "loops.h"
#include "twinflow/error.h"

namespace twinflow::twin {

int Parameter::Piece::copy(const memory::desc& desc) {
  if (desc == master) return -1;
  for (std::size_t i = 0; i < copies.size(); ++i)
    if (copies[i].desc == desc) return static_cast<int>(i);
  copies.push_back({desc, Kernel::reorder(master, desc), {}});
  copies.back().buffer.need(desc.get_size());
  return static_cast<int>(copies.size()) - 1;
}

void Parameter::add_piece(std::size_t row, std::size_t rows, const memory::desc& logical,
                          const memory::desc& master) {
  pieces.push_back({row, rows, logical, master, size(), {}});
}

std::size_t Parameter::size() const {
  if (pieces.empty()) return 0;
  return pieces.back().offset + pieces.back().master.get_size() / sizeof(float);
}

std::size_t Parameter::logical() const {
  std::size_t product = 1;
  for (std::int64_t dim : dims) product *= static_cast<std::size_t>(dim);
  return product;
}

const void* Parameter::data(std::size_t piece, int copy) const {
  const Piece& at = pieces[piece];
  return copy < 0 ? static_cast<const void*>(weights + at.offset) : at.copies[copy].buffer.data();
}

void Parameter::initialise(const std::function<Random(std::size_t row)>& random) {
  std::vector<float> drawn(logical());
  const auto rows = static_cast<std::size_t>(dims[0]);
  const std::size_t width = drawn.size() / rows;
  parallel_each(rows, [&](std::size_t row) {  // a stream for each row, so that rows can be drawn at once
    Random numbers = random(row);
    for (std::size_t i = 0; i < width; ++i)
      drawn[row * width + i] = static_cast<float>(initial.initializer->draw(numbers, initial.fan));
  });
  set(drawn);
}

void Parameter::set(std::span<const float> values) { lay_out(values, weights); }

std::vector<float> Parameter::row_major(const float* laid_out) const {
  std::vector<float> all(logical());
  const std::size_t width = all.size() / static_cast<std::size_t>(dims[0]);
  for (const Piece& piece : pieces)
    convert(piece.master, laid_out + piece.offset, piece.logical, all.data() + piece.row * width);
  return all;
}

void Parameter::lay_out(std::span<const float> values, float* laid_out) const {
  const std::size_t width = values.size() / static_cast<std::size_t>(dims[0]);
  for (const Piece& piece : pieces)
    convert(piece.logical, values.data() + piece.row * width, piece.master, laid_out + piece.offset);
}

void restore(std::span<float> values, const Parameter* parameter, const State& state,
             const std::string& name) {
  const std::vector<float>& saved = state.tensor(name).values;
  const std::size_t expected = parameter ? parameter->logical() : values.size();
  if (saved.size() != expected)
    throw Error(
        fmt::format("the saved tensor '{}' has {} values, but here it has {}", name, saved.size(), expected));
  if (parameter)
    parameter->lay_out(saved, values.data());
  else
    std::copy(saved.begin(), saved.end(), values.begin());
}

}  // namespace twinflow::twin
