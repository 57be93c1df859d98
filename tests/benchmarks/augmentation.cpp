// Times augment.affine, changes drawn, on batches of 128 images of 105x105: of images that are bytes of a
// data set, as samplers give them out, and of images that are floats already; beside it a bare loop of
// OpenCV's warpAffine (f32, bilinear) over the same images. Then the whole pipeline in the runtime: generated
// glyphs, sampling and augmentation, to batches of 128 images of 52x52.
//   augmentation [--rounds 10] [--threads 2]
// Prints images a second, the best of the rounds: by the processor time of one thread, which other programs
// disturb less; the pipeline by the clock, with --threads. augmentation.py compares with keras-preprocessing.
#include <tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "plugins/augment/affine_draw.h"
#include "runtime.h"
#include "temp_folder.h"
#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/plugin.h"
#include "twinflow/testing.h"

using namespace twinflow;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t count = 128, size = 105;
/// As Keras' ImageDataGenerator has it, in augmentation.py.
const char* const setting =
    "shear = 0.2\nzoom = 0.3\nwidth_shift = 0.1\nheight_shift = 0.1\nrotation = 30\nhorizontal_flip = 0.5\n"
    "fill = \"nearest\"\n";

double processor_seconds_since(std::clock_t start) {
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// A batch as the samplers give it out: pixels are still bytes in their data set.
Images pictures() {
  static const auto store = [] {
    auto made = std::make_shared<PixelStore>();
    made->height = made->width = size;
    Random random(1, 0, 0);
    for (std::size_t i = 0; i < count * size * size; ++i)
      made->pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
    return made;
  }();
  std::vector<Shot> shots(count);
  for (std::size_t i = 0; i < count; ++i) shots[i].image = i;
  return Images(store, std::move(shots));
}

/// Images a second, of a node that is given a batch and gives one back; `read`: given floats.
double affine(bool read) {
  static testing::Bench bench("augment.affine", setting);
  static std::uint64_t index = 0;
  ImageBatch batch{pictures(), {}};
  if (read) batch.make_ready();
  const std::clock_t start = std::clock();
  bench.apply<ImageBatch>(std::move(batch), {.epoch = 0, .index = index++});
  return count / processor_seconds_since(start);
}

double bare_opencv() {
  static const augment::AffineRanges ranges{.rotation = {-30, 30},
                                            .width_shift = {-0.1, 0.1},
                                            .height_shift = {-0.1, 0.1},
                                            .shear = {-0.2, 0.2},
                                            .zoom = {0.7, 1.3},
                                            .horizontal_flip = 0.5};
  static Images images = pictures(), warped(count, 1, size, size);
  images.read();
  static Random random(1, 0, 0);
  std::vector<cv::Matx23d> matrices;
  for (std::size_t i = 0; i < count; ++i) {
    const auto m = augment::affine_matrix(draw_change(ranges, size, size, random), size, size);
    matrices.emplace_back(m[4], m[3], m[5], m[1], m[0], m[2]);
  }
  const std::clock_t start = std::clock();
  for (std::size_t i = 0; i < count; ++i) {
    const cv::Mat from(size, size, CV_32F, images.image(i));
    cv::Mat to(size, size, CV_32F, warped.image(i));
    cv::warpAffine(from, to, matrices[i], to.size(), cv::INTER_LINEAR | cv::WARP_INVERSE_MAP,
                   cv::BORDER_REPLICATE);
  }
  return count / processor_seconds_since(start);
}

constexpr std::uint64_t first_timed = 20, last_timed = 220;
Clock::time_point began;
double pipeline_seconds = 0;

/// Looks at the images, as a network would.
class Drain final : public Sink<AnyBatch> {
 public:
  static void describe(NodeSpec<Drain>& spec) { spec.summary("Notes the time."); }
  void process(AnyBatch batch, const Item& item) override {
    if (images_of(batch).count != count) throw Error("not a batch of 128 images");
    if (item.index == first_timed) began = Clock::now();
    if (item.index == last_timed)
      pipeline_seconds = std::chrono::duration<double>(Clock::now() - began).count();
  }
};
TWINFLOW_NODE("bench.drain", Drain)

double pipeline(const std::string& sampler, int threads) {
  const TempFolder temp;
  Problems problems;
  Plan plan =
      make_plan(temp.write("pipeline.toml", R"(
[run]
epochs = 1
steps_per_epoch = 221
[node.glyphs]
type = "data.glyphs"
classes = 600
size = 52
[node.batches]
type = ")" + sampler + R"("
from = "glyphs.train"
[node.augmented]
type = "augment.affine"
from = "batches"
)" + setting + R"(
[node.drain]
type = "bench.drain"
from = "augmented"
)"),
                {sampler == "sample.pairs" ? "batches.pairs=64" : "batches.classes_per_batch=64"}, problems);
  if (!problems.empty()) throw Error(problems.str());
  if (run_plan(plan, {.output = temp.path / "run", .threads = threads, .quiet = true}) != finished)
    throw Error("the run did not finish");
  return static_cast<double>(count * (last_timed - first_timed)) / pipeline_seconds;
}

double best(int rounds, const std::function<double()>& rate) {
  double most = 0;
  for (int i = 0; i < rounds; ++i) most = std::max(most, rate());
  return most;
}

}  // namespace

int main(int argument_count, char** arguments) try {
  std::map<std::string, std::string> options{{"--rounds", "10"}, {"--threads", "2"}};
  for (int i = 1; i + 1 < argument_count; i += 2) {
    if (!options.contains(arguments[i])) throw Error(std::string("there is no option ") + arguments[i]);
    options[arguments[i]] = arguments[i + 1];
  }
  const int rounds = std::stoi(options.at("--rounds")), threads = std::stoi(options.at("--threads"));
  cv::setNumThreads(0);
  {
    const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
    double bytes = 0, floats = 0, opencv = 0;
    for (int i = 0; i < rounds; ++i) {  // in turn
      bytes = std::max(bytes, best(5, [] { return affine(false); }));
      floats = std::max(floats, best(5, [] { return affine(true); }));
      opencv = std::max(opencv, best(5, bare_opencv));
    }
    std::printf("bytes %.0f\nfloats %.0f\ncv::warpAffine %.0f\n", bytes, floats, opencv);
  }
  for (const std::string sampler : {"sample.classes", "sample.pairs"})
    std::printf("%s %.0f\n", sampler.c_str(),
                best((rounds + 4) / 5, [&] { return pipeline(sampler, threads); }));
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
