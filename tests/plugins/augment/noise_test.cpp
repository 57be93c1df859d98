#include <span>

#include "augmenting.h"

using namespace augmenting;

namespace {

double deviation(std::span<const float> values, double mean) {
  double squares = 0;
  for (const float value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

const Images grey = filled(Images(300, 3, 20, 20), 0.5f);

}  // namespace

TEST_CASE("augment.noise changes nothing by default, but for what lies outside of [0, 1]") {
  CHECK(augmented("augment.noise", "", pictures(3, 2)).pixels == pictures(3, 2).pixels);
  CHECK(augmented("augment.noise", "", with_pixels(Images(1, 1, 1, 2), {-1.0f, 2.0f})).pixels ==
        Pixels{0.0f, 1.0f});
}

TEST_CASE("augment.noise: gaussian") {
  const Images out = augmented("augment.noise", "gaussian = [0.05, 0.05]", grey);
  std::vector<double> added;
  std::size_t beyond = 0;
  for (const float pixel : out.pixels) {
    added.push_back(pixel - 0.5);
    beyond += std::abs(pixel - 0.5) > 2 * 0.05;
  }
  check_mean(added, 0, 0.05);
  CHECK(deviation(out.pixels, 0.5) == doctest::Approx(0.05).epsilon(0.01));
  const double share = static_cast<double>(beyond) / static_cast<double>(added.size());
  CHECK(share == doctest::Approx(0.0455).epsilon(0.03));  // of a normal distribution, beyond two deviations

  // Neighbours and channels differ.
  std::vector<double> here, next, channel;
  for (std::size_t i = 0; i < out.count; ++i)
    for (std::size_t k = 0; k < 399; ++k) {
      here.push_back(out.image(i)[k]);
      next.push_back(out.image(i)[k + 1]);
      channel.push_back(out.image(i)[400 + k]);
    }
  check_independent(here, next);
  check_independent(here, channel);
}

TEST_CASE("augment.noise: the deviation is uniform in its range") {
  const Images out = augmented("augment.noise", "gaussian = [0.02, 0.08]", grey);
  std::vector<double> draws;
  for (std::size_t i = 0; i < out.count; ++i) draws.push_back(deviation(image(out, i), 0.5));
  const auto [least, greatest] = std::minmax_element(draws.begin(), draws.end());
  CHECK(*least > 0.02 * 0.93);  // measured on 1200 values: to about 2 %
  CHECK(*least < 0.023);
  CHECK(*greatest > 0.077);
  CHECK(*greatest < 0.08 * 1.07);
  check_mean(draws, 0.05, 0.06 / std::sqrt(12.0));
}

TEST_CASE("augment.noise: salt and pepper, in all channels, and nothing else") {
  const Images out = augmented("augment.noise", "salt_and_pepper = [0.1, 0.1]", grey);
  std::vector<double> salt, pepper;
  for (std::size_t i = 0; i < out.count; ++i)
    for (std::size_t k = 0; k < 400; ++k) {
      const float value = out.image(i)[k];
      CHECK((value == 0.0f || value == 0.5f || value == 1.0f));
      CHECK(value == out.image(i)[400 + k]);
      CHECK(value == out.image(i)[800 + k]);
      salt.push_back(value == 1.0f);
      pepper.push_back(value == 0.0f);
    }
  check_mean(salt, 0.05, std::sqrt(0.05 * 0.95));
  check_mean(pepper, 0.05, std::sqrt(0.05 * 0.95));
  for (const float value : augmented("augment.noise", "salt_and_pepper = [1, 1]", grey).pixels)
    CHECK((value == 0.0f || value == 1.0f));
}

TEST_CASE("augment.noise: the share of salt and pepper is uniform in its range") {
  const Images out =
      augmented("augment.noise", "salt_and_pepper = [0.2, 0.6]", filled(Images(400, 1, 50, 50), 0.5f));
  std::vector<double> shares;
  for (std::size_t i = 0; i < out.count; ++i) {
    const std::vector<float> pixels = image(out, i);
    shares.push_back(1 - static_cast<double>(std::count(pixels.begin(), pixels.end(), 0.5f)) / 2500);
  }
  const auto [least, greatest] = std::minmax_element(shares.begin(), shares.end());
  CHECK(*least > 0.16);  // a share of 2500 pixels: to about 0.01
  CHECK(*least < 0.22);
  CHECK(*greatest > 0.58);
  CHECK(*greatest < 0.64);
  check_mean(shares, 0.4, 0.4 / std::sqrt(12.0));
}

TEST_CASE("augment.noise: the result is clipped") {
  for (const float value :
       augmented("augment.noise", "gaussian = [1, 1]", filled(Images(5, 1, 10, 10), 0.9f)).pixels)
    CHECK((value >= 0.0f && value <= 1.0f));
}

TEST_CASE("augment.noise: probability, twins, threads") {
  check_probability("augment.noise", "gaussian = [0.1, 0.1]\nprobability = 0.7", 0.7);
  check_conduct("augment.noise", "gaussian = [0.05, 0.1]\nsalt_and_pepper = [0.1, 0.2]");
}

TEST_CASE("augment.noise refuses what cannot be meant") {
  CHECK(
      refusal("augment.noise", "gaussian = [-0.1, 0.1]").find("'gaussian' is -0.1, out of range: 0 to 10") !=
      std::string::npos);
  CHECK(refusal("augment.noise", "salt_and_pepper = [0, 1.1]")
            .find("'salt_and_pepper' is 1.1, out of range: 0 to 1") != std::string::npos);
}
