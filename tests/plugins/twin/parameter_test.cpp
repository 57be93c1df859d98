#include "plugins/twin/parameter.h"

#include <doctest/doctest.h>

using namespace twinflow;
using namespace twinflow::twin;

TEST_CASE("values pass through pieces and padded layouts unchanged") {
  // 5 x 3 in two pieces, the second laid out in blocks of 16 rows: padded to 16 x 3.
  Parameter parameter;
  parameter.dims = {5, 3};
  const auto desc = [](memory::dim rows, memory::format_tag tag) {
    return memory::desc({rows, 3}, memory::data_type::f32, tag);
  };
  parameter.add_piece(0, 2, desc(2, memory::format_tag::ab), desc(2, memory::format_tag::ba));
  parameter.add_piece(2, 3, desc(3, memory::format_tag::ab), desc(3, memory::format_tag::AB16b16a));
  CHECK(parameter.logical() == 15);
  CHECK(parameter.size() == 6 + 16 * 16);
  std::vector<float> room(parameter.size(), 0.0f), values(15);
  parameter.weights = room.data();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
  parameter.set(values);
  CHECK(parameter.row_major(parameter.weights) == values);
  CHECK(room[1] == 4.0f);  // the first piece, transposed
}

TEST_CASE("a copy in the master's layout is the master; equal ones are made once") {
  Parameter parameter;
  parameter.dims = {2, 3};
  const memory::desc plain({2, 3}, memory::data_type::f32, memory::format_tag::ab);
  const memory::desc turned({2, 3}, memory::data_type::f32, memory::format_tag::ba);
  parameter.add_piece(0, 2, plain, plain);
  CHECK(parameter.pieces[0].copy(plain) == -1);
  CHECK(parameter.pieces[0].copy(turned) == 0);
  CHECK(parameter.pieces[0].copy(turned) == 0);
  CHECK(parameter.pieces[0].copies.size() == 1);
}

TEST_CASE("each row of a tensor has its own stream") {
  Parameter parameter;
  parameter.dims = {3, 4};
  parameter.initial = {normal_initializer(0.5, 0.01), {}};
  const memory::desc plain({3, 4}, memory::data_type::f32, memory::format_tag::ab);
  parameter.add_piece(0, 3, plain, plain);
  std::vector<float> room(12);
  parameter.weights = room.data();
  parameter.initialise([](std::size_t row) { return Random(1, 0, row); });
  for (std::size_t row = 0; row < 3; ++row) {
    Random random(1, 0, row);
    for (std::size_t i = 0; i < 4; ++i)
      CHECK(room[row * 4 + i] == static_cast<float>(0.5 + 0.01 * random.normal()));
  }
}
