// Times the bare oneDNN primitives that a training step of a preset is made of, and adds them up: what the
// step would cost if it were nothing else.
//   step_limit [--network conv4] [--precision f32] [--images 128] [--size 52] [--threads 2] [--shard 16]
// Each primitive runs over one shard (dense layers: over the batch), one thread a primitive, on all threads
// at once, each in its own memory, which is in the cache where it fits: time of the processor, best of
// several. A convolution is the faster of the direct form and Winograd's, in bf16 of AMX where there is such;
// batch normalisation has its ReLU fused. Prints one line: images (or pairs) a second for all threads. No
// distances, loss, update or copies of weights.
#include <omp.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dnnl.hpp>
#include <iostream>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "plugins/twin/buffer.h"
#include "plugins/twin/describe.h"
#include "twinflow/error.h"

using namespace dnnl;
using twinflow::twin::Buffer;
using twinflow::twin::describe;
using twinflow::twin::describe_backward;
using Tag = memory::format_tag;

namespace {

const engine& cpu = twinflow::twin::engine();

/// Several threads run one primitive: each with a scratchpad of its own.
const primitive_attr attributes = twinflow::twin::attributes();

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

using Descs = std::vector<std::pair<int, memory::desc>>;

/// Seconds of one call, the mean over threads that all run it at once, of each the best of several calls.
template <class Primitive>
double seconds(const typename Primitive::primitive_desc& desc, Descs arguments, int threads) {
  const Primitive one(desc);
  arguments.emplace_back(DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc());
  std::vector<double> best(static_cast<std::size_t>(threads), 1e9);
  std::atomic<int> ready = 0;
  tbb::parallel_for(
      0, threads, 1,
      [&](int thread) {
        omp_set_num_threads(1);
        stream queue(cpu);
        std::vector<Buffer> buffers(arguments.size());
        std::unordered_map<int, memory> all;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
          const memory::desc& desc = arguments[i].second;
          buffers[i].need(std::max<std::size_t>(desc.get_size(), 64));
          std::memset(buffers[i].data(), 0, buffers[i].size());
          all.emplace(arguments[i].first, memory(desc, cpu, buffers[i].data()));
        }
        ++ready;
        while (ready < threads) {
        }
        for (int run = 0; run < 6; ++run) {
          const double start = thread_seconds();
          one.execute(queue, all);
          double& mine = best[static_cast<std::size_t>(thread)];
          mine = std::min(mine, thread_seconds() - start);
        }
      },
      tbb::simple_partitioner());
  double sum = 0.0;
  for (double each : best) sum += each;
  return sum / threads;
}

class Step {
 public:
  Step(bool bf16, memory::dim images, memory::dim size, int threads, memory::dim shard)
      : type_(bf16 ? memory::data_type::bf16 : memory::data_type::f32),
        threads_(threads),
        images_(images),
        shard_(std::min(shard, images)),
        size_(size) {}

  void conv(memory::dim out, memory::dim kernel, bool same, bool bias) {
    const memory::dim pad = same ? kernel / 2 : 0, side = size_ + 2 * pad - kernel + 1;
    const memory::desc src = image(channels_, size_), dst = image(out, side);
    const memory::dims weights{out, channels_, kernel, kernel}, one{1, 1}, pads{pad, pad};
    const memory::desc w(weights, type_, Tag::any), dw(weights, memory::data_type::f32, Tag::any),
        b = bias ? memory::desc({out}, memory::data_type::f32, Tag::a) : memory::desc();
    double forward = 1e9, data = 1e9, gradient = 1e9;
    for (algorithm form : {algorithm::convolution_direct, algorithm::convolution_winograd}) {
      const auto f = describe<convolution_forward>(attributes, true, prop_kind::forward_training, form, src,
                                                   w, b, dst, one, pads, pads);
      if (!f) continue;
      forward = std::min(forward, seconds<convolution_forward>(f,
                                                               {{DNNL_ARG_SRC, src},
                                                                {DNNL_ARG_WEIGHTS, f.weights_desc()},
                                                                {DNNL_ARG_BIAS, b},
                                                                {DNNL_ARG_DST, dst}},
                                                               threads_));
      if (const auto d =
              describe_backward<convolution_backward_data>(f, true, form, src, w, dst, one, pads, pads);
          d && channels_ > 1)
        data = std::min(
            data,
            seconds<convolution_backward_data>(
                d, {{DNNL_ARG_DIFF_SRC, src}, {DNNL_ARG_WEIGHTS, d.weights_desc()}, {DNNL_ARG_DIFF_DST, dst}},
                threads_));
      if (const auto g = describe_backward<convolution_backward_weights>(f, true, form, src, dw, b, dst, one,
                                                                         pads, pads);
          g)
        gradient = std::min(
            gradient, seconds<convolution_backward_weights>(g,
                                                            {{DNNL_ARG_SRC, src},
                                                             {DNNL_ARG_DIFF_WEIGHTS, g.diff_weights_desc()},
                                                             {DNNL_ARG_DIFF_BIAS, b},
                                                             {DNNL_ARG_DIFF_DST, dst}},
                                                            threads_));
    }
    by_shard(forward + gradient + (channels_ > 1 ? data : 0.0));
    channels_ = out, size_ = side;
  }

  void norm(bool relu) {
    const memory::desc data = image(channels_, size_), vector({channels_}, memory::data_type::f32, Tag::a);
    const normalization_flags flags =
        normalization_flags::use_scale | normalization_flags::use_shift |
        (relu ? normalization_flags::fuse_norm_relu : normalization_flags::none);
    const auto f = describe<batch_normalization_forward>(attributes, false, prop_kind::forward_training, data,
                                                         data, 1e-3f, flags);
    const auto b = describe_backward<batch_normalization_backward>(f, false, prop_kind::backward, data, data,
                                                                   data, 1e-3f, flags);
    // Just what each pass takes: oneDNN 3 refuses more.
    Descs forward{{DNNL_ARG_SRC, data},     {DNNL_ARG_MEAN, vector},  {DNNL_ARG_VARIANCE, vector},
                  {DNNL_ARG_SCALE, vector}, {DNNL_ARG_SHIFT, vector}, {DNNL_ARG_DST, data}};
    Descs backward{{DNNL_ARG_SRC, data},          {DNNL_ARG_MEAN, vector},      {DNNL_ARG_VARIANCE, vector},
                   {DNNL_ARG_SCALE, vector},      {DNNL_ARG_DIFF_DST, data},    {DNNL_ARG_DIFF_SRC, data},
                   {DNNL_ARG_DIFF_SCALE, vector}, {DNNL_ARG_DIFF_SHIFT, vector}};
    if (DNNL_VERSION_MAJOR < 3) backward.emplace_back(DNNL_ARG_SHIFT, vector);
    if (relu)
      for (Descs* each : {&forward, &backward}) each->emplace_back(DNNL_ARG_WORKSPACE, f.workspace_desc());
    by_shard(seconds<batch_normalization_forward>(f, forward, threads_) +
             seconds<batch_normalization_backward>(b, backward, threads_));
  }

  void relu() {
    const memory::desc data = image(channels_, size_);
    const auto f = describe<eltwise_forward>(attributes, false, prop_kind::forward_training,
                                             algorithm::eltwise_relu, data, data, 0.0f, 0.0f);
    const auto b = describe_backward<eltwise_backward>(f, false, algorithm::eltwise_relu_use_dst_for_bwd,
                                                       data, data, data, 0.0f, 0.0f);
    by_shard(seconds<eltwise_backward>(
        b, {{DNNL_ARG_DST, data}, {DNNL_ARG_DIFF_SRC, data}, {DNNL_ARG_DIFF_DST, data}}, threads_));
  }

  void pool() {
    const memory::desc src = image(channels_, size_), dst = image(channels_, size_ / 2);
    const memory::dims two{2, 2}, none{0, 0};
    const auto f = describe<pooling_forward>(attributes, false, prop_kind::forward_training,
                                             algorithm::pooling_max, src, dst, two, two, none, none, none);
    const auto b = describe_backward<pooling_backward>(f, false, algorithm::pooling_max, src, dst, two, two,
                                                       none, none, none);
    by_shard(
        seconds<pooling_forward>(
            f, {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}, {DNNL_ARG_WORKSPACE, f.workspace_desc()}},
            threads_) +
        seconds<pooling_backward>(
            b, {{DNNL_ARG_DIFF_SRC, src}, {DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_WORKSPACE, f.workspace_desc()}},
            threads_));
    size_ /= 2;
  }

  /// relu(branch + 1x1 convolution): the sum and the ReLU ride on the 1x1 convolution, the ReLU's gradient
  /// not.
  void residual(memory::dim out) {
    const memory::dim before = channels_;
    conv(out, 3, true, false);
    norm(true);
    conv(out, 3, true, false);
    norm(false);
    channels_ = before;
    conv(out, 1, true, true);
    relu();
  }

  /// The whole batch, one thread for each part of 64 columns or more.
  void dense(memory::dim out) {
    const memory::dim parts = std::clamp<memory::dim>(out / 64, 1, 16);
    const memory::dims weights{out / parts, channels_, size_, size_};
    const memory::desc src({images_, channels_, size_, size_}, type_, Tag::nChw16c),
        diff_src({images_, channels_, size_, size_}, memory::data_type::f32, Tag::nChw16c),
        w(weights, type_, Tag::aBcd16b), dw(weights, memory::data_type::f32, Tag::aBcd16b),
        b({out / parts}, memory::data_type::f32, Tag::a),
        dst({images_, out / parts}, memory::data_type::f32, Tag::nc),
        diff({images_, out / parts}, type_, Tag::nc);
    const auto f =
        describe<inner_product_forward>(attributes, false, prop_kind::forward_training, src, w, b, dst);
    const auto d = describe_backward<inner_product_backward_data>(f, false, diff_src, w, diff);
    const auto g = describe_backward<inner_product_backward_weights>(f, false, src, dw, b, diff);
    total_ +=
        static_cast<double>(parts) *
        (seconds<inner_product_forward>(
             f, {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_BIAS, b}, {DNNL_ARG_DST, dst}},
             threads_) +
         seconds<inner_product_backward_data>(
             d, {{DNNL_ARG_DIFF_SRC, diff_src}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_DST, diff}}, threads_) +
         seconds<inner_product_backward_weights>(g,
                                                 {{DNNL_ARG_SRC, src},
                                                  {DNNL_ARG_DIFF_WEIGHTS, dw},
                                                  {DNNL_ARG_DIFF_BIAS, b},
                                                  {DNNL_ARG_DIFF_DST, diff}},
                                                 threads_));
  }

  double total() const { return total_; }

 private:
  memory::desc image(memory::dim channels, memory::dim side) const {
    if (twinflow::twin::want_channels_last(type_)) return {{shard_, channels, side, side}, type_, Tag::nhwc};
    return {{shard_, channels, side, side}, type_, channels > 1 ? Tag::nChw16c : Tag::nchw};
  }
  void by_shard(double once) { total_ += once * static_cast<double>(images_) / static_cast<double>(shard_); }

  memory::data_type type_;
  int threads_;
  memory::dim images_, shard_, size_, channels_ = 1;
  double total_ = 0.0;  // processor seconds of the whole batch
};

void add_layers(Step& step, const std::string& network) {
  if (network == "conv4") {
    for (int i = 0; i < 4; ++i) step.conv(64, 3, true, false), step.norm(true), step.pool();
  } else if (network == "residual") {
    step.conv(32, 3, true, false), step.norm(true), step.pool();
    for (int filters : {64, 128, 256}) step.residual(filters), step.pool();
    step.dense(256);
  } else if (network == "koch2015") {
    step.conv(64, 10, false, true), step.pool(), step.relu();
    step.conv(128, 7, false, true), step.pool(), step.relu();
    step.conv(128, 4, false, true), step.pool(), step.relu();
    step.conv(256, 4, false, true), step.relu();
    step.dense(4096);
  } else {
    throw twinflow::Error("there are limits of conv4, residual and koch2015, not of " + network);
  }
}

}  // namespace

int main(int count, char** arguments) try {
  std::map<std::string, std::string> options{{"--network", "conv4"}, {"--precision", "f32"},
                                             {"--images", "128"},    {"--size", "52"},
                                             {"--threads", "2"},     {"--shard", "16"}};
  for (int i = 1; i + 1 < count; i += 2) {
    if (!options.contains(arguments[i]))
      throw twinflow::Error(std::string("there is no option ") + arguments[i]);
    options[arguments[i]] = arguments[i + 1];
  }
  const int threads = std::stoi(options.at("--threads"));
  const std::string& network = options.at("--network");
  const bool pairs = network == "koch2015";
  omp_set_num_threads(1);
  tbb::task_arena arena(threads);
  arena.execute([&] {
    Step step(options.at("--precision") == "bf16", std::stol(options.at("--images")),
              std::stol(options.at("--size")), threads, std::stol(options.at("--shard")));
    add_layers(step, network);
    const double items = std::stod(options.at("--images")) / (pairs ? 2.0 : 1.0);
    std::printf("%s %s: %.1f %s/s is the limit of the bare oneDNN primitives\n", network.c_str(),
                options.at("--precision").c_str(), items * threads / step.total(),
                pairs ? "pairs" : "images");
  });
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
