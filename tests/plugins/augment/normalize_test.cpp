#include <numeric>

#include "augmenting.h"
#include "twinflow/dataset.h"

using namespace augmenting;

namespace {

void check_close(const Pixels& got, const std::vector<double>& wanted, double tolerance = 1e-5) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t k = 0; k < got.size(); ++k) CHECK(std::abs(got[k] - wanted[k]) < tolerance);
}

/// Images of 1 x 2 pixels, by their bytes; only the first `used` belong to a class, and the last of these is
/// decoded when somebody looks at it.
Dataset dataset(std::size_t channels, std::size_t used, std::vector<std::uint8_t> pixels) {
  auto store = std::make_shared<PixelStore>();
  store->channels = channels, store->height = 1, store->width = 2;
  const std::size_t size = store->image_size();
  const std::size_t kept = used > 0 ? used - 1 : 0;
  store->decoded_count = pixels.size() / size - kept;
  store->decode = [=](std::size_t image, std::uint8_t* to) {
    std::copy_n(pixels.begin() + static_cast<std::ptrdiff_t>(image * size), size, to);
  };
  store->pixels.assign(pixels.begin(), pixels.begin() + static_cast<std::ptrdiff_t>(kept * size));
  Dataset data;
  data.description = "two dots";
  data.store = store;
  data.groups = {"all"};
  for (std::size_t i = 0; i < used; ++i) data.classes.push_back({std::to_string(i), 0, {i}});
  return data;
}

using Fed = std::vector<FedInput>;
const Fed with_data = {{"in", typeid(ImageBatch)}, {"data", typeid(Dataset)}};

Images by_feature(const Dataset& data, Images images) {
  testing::Bench bench("augment.normalize", "mode = \"per_feature\"", 1, with_data);
  bench.constant("data", data);
  return bench.apply<ImageBatch>(batch_of(std::move(images))).images;
}

template <class Call>
std::string failure(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool refuses(const std::string& toml, const std::string& message, const Fed& fed = {}) {
  return failure([&] { testing::Bench("augment.normalize", toml, 1, fed); }).find(message) !=
         std::string::npos;
}

}  // namespace

TEST_CASE("augment.normalize: fixed, one value or one for each channel") {
  const Images pixels = with_pixels(Images(1, 2, 1, 2), {0.0f, 0.5f, 0.75f, 1.0f});
  const std::string fixed = "mode = \"fixed\"\n";
  CHECK(augmented("augment.normalize", fixed + "mean = [0.5]\nstd = [0.25]", pixels).pixels ==
        Pixels{-2, 0, 1, 2});
  CHECK(augmented("augment.normalize", fixed + "mean = [0.5, 0.25]\nstd = [0.25, 0.5]", pixels).pixels ==
        Pixels{-2, 0, 1, 1.5f});
  CHECK(augmented("augment.normalize", fixed + "mean = [0.5, 0.25]\nstd = [0.25]", pixels).pixels ==
        Pixels{-2, 0, 2, 3});
  CHECK(augmented("augment.normalize", fixed + "mean = [0.5]\nstd = [0.25, 0.5]", pixels).pixels ==
        Pixels{-2, 0, 0.5f, 1});
}

TEST_CASE("augment.normalize: per sample, over all channels; a constant image becomes zeros") {
  const Images out =
      augmented("augment.normalize", "mode = \"per_sample\"",
                with_pixels(Images(2, 2, 1, 2), {0.2f, 0.4f, 0.6f, 0.8f, 0.1f, 0.1f, 0.1f, 0.1f}));
  const double deviation = std::sqrt(0.05);  // (0.09 + 0.01 + 0.01 + 0.09) / 4
  check_close(out.pixels, {-0.3 / deviation, -0.1 / deviation, 0.1 / deviation, 0.3 / deviation, 0, 0, 0, 0});
  for (std::size_t k = 4; k < 8; ++k) CHECK(out.pixels[k] == 0.0f);

  const Images picture = augmented("augment.normalize", "", pictures(1, 3));
  double sum = 0, squares = 0;
  for (const float x : picture.pixels) sum += x, squares += x * x;
  CHECK(std::abs(sum / 360) < 1e-6);
  CHECK(squares / 360 == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("augment.normalize: per feature, by the images of the data set's classes") {
  // Grey: 0, 51, 102, 255 of 255, that is 0, 0.2, 0.4, 1: mean 0.4, variance 0.14; the last image is in no
  // class.
  const Dataset data = dataset(1, 2, {0, 51, 102, 255, 200, 200});
  check_close(by_feature(data, with_pixels(Images(1, 1, 1, 2), {0.4f, 0.9f})).pixels,
              {0, 0.5 / std::sqrt(0.14)});
}

TEST_CASE("augment.normalize: per feature, each channel by itself; a constant channel becomes zeros") {
  const Dataset data = dataset(2, 2, {0, 51, 51, 51, 102, 255, 51, 51});
  check_close(by_feature(data, with_pixels(Images(1, 2, 1, 2), {0.4f, 0.9f, 0.2f, 0.2f})).pixels,
              {0, 0.5 / std::sqrt(0.14), 0, 0}, 1e-4);
}

TEST_CASE(
    "augment.normalize: a whole training set comes out with mean 0 and deviation 1, on any number of "
    "threads") {
  std::vector<std::uint8_t> bytes(4 * 5000);
  for (std::size_t k = 0; k < bytes.size(); ++k) bytes[k] = static_cast<std::uint8_t>(k * k % 251);
  const Dataset data = dataset(2, 5000, bytes);
  Images images(5000, 2, 1, 2);
  std::transform(bytes.begin(), bytes.end(), images.pixels.begin(), unit_pixel);
  const auto with_threads = [&](int threads) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(threads));
    return tbb::task_arena(threads).execute([&] { return by_feature(data, images); });
  };
  Images one = with_threads(1);
  CHECK(one.pixels == with_threads(2).pixels);
  CHECK(one.pixels == with_threads(8).pixels);
  for (const std::size_t channel : {0, 1}) {
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < 5000; ++i)
      for (std::size_t k = 0; k < 2; ++k) {
        const double x = one.plane(i, channel)[k];
        sum += x, squares += x * x;
      }
    CHECK(std::abs(sum / 1e4) < 1e-5);
    CHECK(squares / 1e4 == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("augment.normalize keeps pairs and their labels") {
  testing::Bench bench("augment.normalize");
  const PairBatch out = bench.apply<PairBatch>(PairBatch{pictures(4), {1, 0}, 1});
  CHECK(out.labels == std::vector<std::uint8_t>{1, 0});
  CHECK(image(out.images, 3) == image(augmented("augment.normalize", "", pictures(1)), 0));
}

TEST_CASE("augment.normalize: channels that do not fit") {
  CHECK(failure([] {
          augmented("augment.normalize", "mode = \"fixed\"\nmean = [0.5]\nstd = [1, 1, 1]", pictures(1));
        }) == "the images have 1 channel, mean and std are for 3");
  CHECK(failure([] {
          by_feature(dataset(1, 1, {0, 255}), pictures(1, 3));
        }) == "the images have 3 channels, the data set has 1");
}

TEST_CASE("augment.normalize: a data set without images") {
  CHECK(failure([] {
          by_feature(dataset(1, 0, {0, 255}), pictures(1));
        }) == "two dots has no images to measure");
}

TEST_CASE("augment.normalize refuses what cannot be meant") {
  CHECK(
      refuses("mode = \"per_feature\"", "\"per_feature\" needs a data set: from = { in = ..., data = ... }"));
  CHECK(refuses("", "only \"per_feature\" looks at a data set", with_data));
  CHECK(refuses("mode = \"fixed\"", "\"fixed\" needs a mean and a std"));
  CHECK(refuses("mode = \"fixed\"\nmean = [0.5]", "\"fixed\" needs a mean and a std"));
  CHECK(refuses("mean = [0.5]", "only mode = \"fixed\" takes a mean"));
  CHECK(refuses("std = [0.5]", "only mode = \"fixed\" takes a std"));
  CHECK(refuses("mode = \"fixed\"\nmean = [0.5, 0.5]\nstd = [1, 1, 1]", "3 values of std, but 2 of mean"));
  CHECK(refuses("mode = \"fixed\"\nmean = [0.5]\nstd = [0]", "'std' is 0, out of range: at least 1e-06"));
}
