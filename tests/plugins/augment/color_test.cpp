#include "augmenting.h"

using namespace augmenting;

namespace {

Pixels changed(const std::string& toml, std::size_t channels, Pixels pixels) {
  const std::size_t width = pixels.size() / channels;
  return augmented("augment.color", toml, with_pixels(Images(1, channels, 1, width), std::move(pixels)))
      .pixels;
}

void check_close(const Pixels& got, const std::vector<double>& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t k = 0; k < got.size(); ++k) CHECK(got[k] == doctest::Approx(wanted[k]).epsilon(1e-6));
}

std::vector<double> of_each_image(const Images& images, auto&& value) {
  std::vector<double> all;
  for (std::size_t i = 0; i < images.count; ++i) all.push_back(value(images.image(i)));
  return all;
}

}  // namespace

TEST_CASE("augment.color changes nothing by default") {
  CHECK(augmented("augment.color", "", pictures(2, 3)).pixels == pictures(2, 3).pixels);
}

TEST_CASE("augment.color: brightness is a factor") {
  check_close(changed("brightness = [0.5, 0.5]", 1, {0.0f, 0.2f, 1.0f}), {0.0, 0.1, 0.5});
  check_close(changed("brightness = [2, 2]", 1, {0.0f, 0.2f, 0.8f}), {0.0, 0.4, 1.0});
}

TEST_CASE("augment.color: contrast is about the mean of all channels") {
  check_close(changed("contrast = [0.5, 0.5]", 2, {0.1f, 0.3f, 0.5f, 0.7f}), {0.25, 0.35, 0.45, 0.55});
  check_close(changed("contrast = [2, 2]", 1, {0.1f, 0.3f, 0.5f, 0.7f}), {0.0, 0.2, 0.6, 1.0});
  check_close(changed("contrast = [0, 0]", 1, {0.0f, 0.5f, 1.0f}), {0.5, 0.5, 0.5});
}

TEST_CASE("augment.color: gamma is an exponent") {
  check_close(changed("gamma = [2, 2]", 1, {0.0f, 0.5f, 0.9f, 1.0f}), {0.0, 0.25, 0.81, 1.0});
  check_close(changed("gamma = [0.5, 0.5]", 1, {0.0f, 0.25f, 1.0f}), {0.0, 0.5, 1.0});
}

TEST_CASE("augment.color: a channel's shift is added to it") {
  check_close(changed("channel_shift = [0.2, 0.2]", 2, {0.0f, 0.5f, 0.7f, 0.9f}), {0.2, 0.7, 0.9, 1.0});
  check_close(changed("channel_shift = [-0.2, -0.2]", 1, {0.1f, 0.5f}), {0.0, 0.3});
}

TEST_CASE("augment.color: brightness, contrast, gamma, shift, in this order, each clipped") {
  // 0.2, 0.6 -> 0.4, 1 (clipped from 1.2), mean 0.7 -> 0.55, 0.85 -> 0.3025, 0.7225 -> 0.4025, 0.8225
  check_close(
      changed("brightness = [2, 2]\ncontrast = [0.5, 0.5]\ngamma = [2, 2]\nchannel_shift = [0.1, 0.1]", 1,
              {0.2f, 0.6f}),
      {0.4025, 0.8225});
}

TEST_CASE("augment.color: every draw is uniform in its range") {
  const Images dots = filled(Images(3000, 1, 1, 1), 0.5f);
  check_uniform(of_each_image(augmented("augment.color", "brightness = [0.6, 1.8]", dots),
                              [](const float* x) { return x[0] / 0.5; }),
                0.6, 1.8);
  check_uniform(of_each_image(augmented("augment.color", "gamma = [0.5, 2]", dots),
                              [](const float* x) { return std::log2(1 / x[0]); }),
                0.5, 2);
  Images halves(3000, 1, 1, 2);
  for (std::size_t i = 0; i < halves.count; ++i) halves.image(i)[0] = 0.4f, halves.image(i)[1] = 0.6f;
  check_uniform(of_each_image(augmented("augment.color", "contrast = [0.5, 1.5]", halves),
                              [](const float* x) { return (x[1] - x[0]) / 0.2; }),
                0.5, 1.5);
}

TEST_CASE("augment.color: channels draw their shifts by themselves") {
  const Images out =
      augmented("augment.color", "channel_shift = [-0.2, 0.3]", filled(Images(3000, 2, 1, 1), 0.5f));
  const auto first = of_each_image(out, [](const float* x) { return x[0] - 0.5; });
  const auto second = of_each_image(out, [](const float* x) { return x[1] - 0.5; });
  check_uniform(first, -0.2, 0.3);
  check_uniform(second, -0.2, 0.3);
  check_independent(first, second);
}

TEST_CASE("augment.color: the four steps toss their coins by themselves") {
  // On 0.4, 0.6: a factor of 1/2 of the difference for brightness, 1/5 for contrast; then a shift of 0.11;
  // gamma changes a single value instead.
  Images halves(4000, 1, 1, 2);
  for (std::size_t i = 0; i < halves.count; ++i) halves.image(i)[0] = 0.4f, halves.image(i)[1] = 0.6f;
  const Images out =
      augmented("augment.color",
                "brightness = [0.5, 0.5]\ncontrast = [0.2, 0.2]\nchannel_shift = [0.11, 0.11]\n"
                "probability = 0.3",
                halves);
  std::vector<double> brightness, contrast, shift;
  for (std::size_t i = 0; i < out.count; ++i) {
    const double difference = out.image(i)[1] - out.image(i)[0],
                 mean = (out.image(i)[0] + out.image(i)[1]) / 2;
    brightness.push_back(mean < 0.4);
    shift.push_back(std::abs(mean - (mean < 0.4 ? 0.25 : 0.5)) > 0.05);
    contrast.push_back(difference < 0.05);
  }
  for (const auto* coins : {&brightness, &contrast, &shift}) check_mean(*coins, 0.3, std::sqrt(0.3 * 0.7));
  check_independent(brightness, contrast);
  check_independent(brightness, shift);
  check_independent(contrast, shift);
  check_probability("augment.color", "gamma = [2, 2]\nprobability = 0.3", 0.3);
}

TEST_CASE("augment.color: twins, threads") {
  check_conduct(
      "augment.color",
      "brightness = [0.7, 1.3]\ncontrast = [0.7, 1.3]\ngamma = [0.7, 1.5]\nchannel_shift = [-0.1, 0.1]");
}

TEST_CASE("augment.color refuses what cannot be meant") {
  CHECK(refusal("augment.color", "brightness = [-1, 1]").find("'brightness' is -1, out of range: 0 to 100") !=
        std::string::npos);
  CHECK(refusal("augment.color", "contrast = [-1, 1]").find("'contrast' is -1, out of range: 0 to 100") !=
        std::string::npos);
  CHECK(refusal("augment.color", "gamma = [0, 1]").find("'gamma' is 0, out of range: 0.01 to 100") !=
        std::string::npos);
  CHECK(refusal("augment.color", "channel_shift = [0, 2]")
            .find("'channel_shift' is 2, out of range: -1 to 1") != std::string::npos);
  CHECK(refusal("augment.color", "probability = 2").find("'probability' is 2, out of range: 0 to 1") !=
        std::string::npos);
}
