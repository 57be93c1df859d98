#include "augmenting.h"

using namespace augmenting;

namespace {

/// A dot in the middle of each image.
Images dots(std::size_t count, std::size_t size = 33) {
  Images images = filled(Images(count, 1, size, size), 0);
  for (std::size_t i = 0; i < count; ++i) images.image(i)[size * size / 2] = 1;
  return images;
}

/// How wide the dot has become: its neighbour's share of the middle is exp(-1 / (2 sigma^2)).
double sigma(const Images& images, std::size_t i) {
  const float* middle = images.image(i) + images.image_size() / 2;
  return std::sqrt(-0.5 / std::log(middle[1] / middle[0]));
}

}  // namespace

TEST_CASE("augment.blur: a dot becomes a Gaussian") {
  const Images out = augmented("augment.blur", "sigma = [1.5, 1.5]", dots(1));
  double sum = 0;
  for (std::size_t k = 0; k < 33 * 33; ++k) sum += out.pixels[k];
  CHECK(sum == doctest::Approx(1));
  for (const int row : {-4, 0, 3})
    for (const int column : {-2, 0, 1, 5}) {
      const double wanted =
          out.pixels[33 * 33 / 2] * std::exp(-(row * row + column * column) / (2 * 1.5 * 1.5));
      CHECK(out.pixels[static_cast<std::size_t>(33 * 33 / 2 + 33 * row + column)] == doctest::Approx(wanted));
    }
}

TEST_CASE("augment.blur: beside an image stands its edge, and the range is kept") {
  for (const float value : {0.0f, 0.3f, 1.0f})
    for (const float pixel :
         augmented("augment.blur", "sigma = [3, 3]", filled(Images(1, 1, 9, 7), value)).pixels)
      CHECK(pixel == doctest::Approx(value).epsilon(1e-6));
  Images step = filled(Images(1, 1, 1, 40), 0);
  std::fill(step.pixels.begin() + 20, step.pixels.end(), 1.0f);
  const Images out = augmented("augment.blur", "sigma = [2, 2]", step);
  CHECK(out.pixels.front() == 0.0f);
  CHECK(out.pixels.back() == doctest::Approx(1));
  CHECK(out.pixels[19] + out.pixels[20] == doctest::Approx(1));
  for (const float pixel : out.pixels) CHECK((pixel >= 0.0f && pixel <= 1.0f));
}

TEST_CASE("augment.blur: channels are blurred alike, each by itself") {
  Images colour = filled(Images(1, 2, 5, 5), 0);
  colour.plane(0, 1)[12] = 1;
  const Images out = augmented("augment.blur", "sigma = [1, 1]", colour);
  CHECK(std::all_of(out.pixels.begin(), out.pixels.begin() + 25, [](float x) { return x == 0; }));
  CHECK(image(augmented("augment.blur", "sigma = [1, 1]", dots(1, 5)), 0) ==
        std::vector<float>(out.pixels.begin() + 25, out.pixels.end()));
}

TEST_CASE("augment.blur: sigma is uniform in its range, 0 changes nothing") {
  const Images out = augmented("augment.blur", "sigma = [0.5, 2.5]", dots(1500));
  std::vector<double> draws;
  for (std::size_t i = 0; i < out.count; ++i) draws.push_back(sigma(out, i));
  check_uniform(draws, 0.5, 2.5);
  CHECK(augmented("augment.blur", "sigma = [0, 0]", pictures(2)).pixels == pictures(2).pixels);
}

TEST_CASE("augment.blur: probability, twins, threads") {
  check_probability("augment.blur", "sigma = [1, 2]\nprobability = 0.4", 0.4);
  check_conduct("augment.blur", "sigma = [0.5, 3]");
}

TEST_CASE("augment.blur refuses what cannot be meant") {
  CHECK(refusal("augment.blur", "sigma = [-1, 1]").find("'sigma' is -1, out of range: 0 to 1000 pixels") !=
        std::string::npos);
}
