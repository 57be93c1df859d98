#include <numbers>

#include "augmenting.h"

using namespace augmenting;

namespace {

constexpr std::size_t size = 96, margin = 24;

/// Two channels whose values are their column and their row: what is read there, is where it was read.
Images ramps(std::size_t count) {
  Images images(count, 2, size, size);
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t row = 0; row < size; ++row)
      for (std::size_t column = 0; column < size; ++column) {
        images.plane(i, 0)[row * size + column] = static_cast<float>(column);
        images.plane(i, 1)[row * size + column] = static_cast<float>(row);
      }
  return images;
}

/// By how many pixels the place was moved where (row, column) is read.
double move(Images& out, std::size_t i, std::size_t channel, std::size_t row, std::size_t column) {
  return out.plane(i, channel)[row * size + column] - static_cast<double>(channel == 0 ? column : row);
}

double quadratic_mean(Images& out, std::size_t i) {
  double squares = 0, count = 0;
  for (std::size_t row = margin; row < size - margin; ++row)
    for (std::size_t column = margin; column < size - margin; ++column)
      for (const std::size_t channel : {0, 1})
        squares += std::pow(move(out, i, channel, row, column), 2), ++count;
  return std::sqrt(squares / count);
}

}  // namespace

TEST_CASE("augment.elastic: with alpha 0 nothing moves") {
  CHECK(augmented("augment.elastic", "alpha = [0, 0]", pictures(3, 2)).pixels == pictures(3, 2).pixels);
}

TEST_CASE("augment.elastic: how far, how smoothly, and both axes by themselves") {
  const std::size_t count = 200;
  Images out = augmented("augment.elastic", "alpha = [60, 60]\nsigma = [4, 4]", ramps(count));
  std::vector<double> columns, rows, squares, lagged;
  for (std::size_t i = 0; i < count; ++i)
    // Far enough apart to be independent.
    for (const std::size_t row : {24, 48, 71})
      for (const std::size_t column : {24, 48, 71}) {
        columns.push_back(move(out, i, 0, row, column));
        rows.push_back(move(out, i, 1, row, column));
        squares.push_back(columns.back() * columns.back());
        lagged.push_back(columns.back() * move(out, i, 0, row, column - 4));
      }
  const double variance = 60.0 * 60 / (4 * 3 * std::numbers::pi * 4 * 4);
  check_mean(columns, 0, std::sqrt(variance));
  check_mean(rows, 0, std::sqrt(variance));
  check_independent(columns, rows);
  // The squares of a normal distribution deviate by sqrt(2) of their mean. The places' steps of 1/32 pixel
  // are lost in that.
  check_mean(squares, variance, std::sqrt(2.0) * variance);
  // A field smoothed by a Gaussian correlates over the distance d by exp(-d^2 / (4 sigma^2)).
  check_mean(lagged, variance * std::exp(-0.25), 1.5 * variance);
}

TEST_CASE("augment.elastic: alpha and sigma are drawn from their ranges") {
  const std::size_t count = 400;
  Images strong = augmented("augment.elastic", "alpha = [0, 80]\nsigma = [3, 3]", ramps(count));
  Images smooth = augmented("augment.elastic", "alpha = [60, 60]\nsigma = [2, 5]", ramps(count));
  std::vector<double> alphas, sigmas;
  const double factor = 2 * std::sqrt(3 * std::numbers::pi);
  for (std::size_t i = 0; i < count; ++i) {
    alphas.push_back(quadratic_mean(strong, i) * factor * 3);
    sigmas.push_back(60 / (quadratic_mean(smooth, i) * factor));
  }
  // Each is measured on about 100 independent places and two axes.
  CHECK(*std::min_element(alphas.begin(), alphas.end()) < 3);
  CHECK(*std::max_element(alphas.begin(), alphas.end()) > 75);
  CHECK(*std::max_element(alphas.begin(), alphas.end()) < 80 * 1.3);
  check_mean(alphas, 40, 80 / std::sqrt(12.0));
  CHECK(*std::min_element(sigmas.begin(), sigmas.end()) > 2 * 0.8);
  CHECK(*std::min_element(sigmas.begin(), sigmas.end()) < 2.2);
  CHECK(*std::max_element(sigmas.begin(), sigmas.end()) > 4.7);
  CHECK(*std::max_element(sigmas.begin(), sigmas.end()) < 5 * 1.4);
}

TEST_CASE("augment.elastic: values are read between four pixels") {
  // What a moved ramp tells of the places, applied to a picture: the same field, as channels move together.
  Images three(1, 3, size, size);
  Images two = ramps(1);
  std::copy(two.pixels.begin(), two.pixels.end(), three.pixels.begin());
  const auto value = [](double row, double column) {
    return 0.5 + 0.3 * std::sin(0.2 * row) * std::cos(0.15 * column);
  };
  for (std::size_t row = 0; row < size; ++row)
    for (std::size_t column = 0; column < size; ++column)
      three.plane(0, 2)[row * size + column] =
          static_cast<float>(value(static_cast<double>(row), static_cast<double>(column)));
  Images out = augmented("augment.elastic", "alpha = [60, 60]", three);
  int wrong = 0;
  for (std::size_t k = 0; k < size * size;
       ++k)  // a smooth picture: bilinear is off by up to 0.02^2 / 8 * 0.3
    wrong += std::abs(out.plane(0, 2)[k] - value(out.plane(0, 1)[k], out.plane(0, 0)[k])) > 0.005;
  CHECK(wrong == 0);
}

TEST_CASE("augment.elastic: what stands outside") {
  const Images white = filled(Images(4, 1, 20, 20), 1.0f);
  const auto least = [&](const std::string& fill) {
    const Images out = augmented("augment.elastic", "alpha = [100, 100]\n" + fill, white);
    return *std::min_element(out.pixels.begin(), out.pixels.end());
  };
  CHECK(least("") == 1.0f);
  CHECK(least("fill = \"reflect\"") == 1.0f);
  CHECK(least("fill = \"wrap\"") == 1.0f);
  CHECK(least("fill = \"constant\"") == 0.0f);
  CHECK(least("fill = \"constant\"\ncval = 0.25") == 0.25f);
}

TEST_CASE("augment.elastic: probability, twins, threads") {
  check_probability("augment.elastic", "alpha = [30, 40]\nsigma = [2, 2]\nprobability = 0.6", 0.6);
  check_conduct("augment.elastic", "alpha = [20, 40]\nsigma = [2, 4]");
}

TEST_CASE("augment.elastic refuses what cannot be meant") {
  CHECK(
      refusal("augment.elastic", "alpha = [-1, 1]").find("'alpha' is -1, out of range: 0 to 100000 pixels") !=
      std::string::npos);
  CHECK(refusal("augment.elastic", "sigma = [0, 1]").find("'sigma' is 0, out of range: 0.1 to 1000 pixels") !=
        std::string::npos);
}
