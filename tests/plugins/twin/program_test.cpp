#include "plugins/twin/program.h"

#include <doctest/doctest.h>

#include <cmath>

#include "layers_from.h"
#include "plugins/twin/elementwise.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

const Function logistic{dnnl::algorithm::eltwise_logistic, dnnl::algorithm::eltwise_logistic_use_dst_for_bwd};

}  // namespace

TEST_CASE("shards are as even as can be and never larger than asked") {
  struct Watch final : Operation {
    explicit Watch(int activation, bool depends_) : depends(depends_) { inputs = outputs = {activation}; }
    bool depends_on_shard() const override { return depends; }
    void prepare(std::size_t count) override { prepared.push_back(count); }
    void begin(std::size_t shards_, std::size_t largest_, std::size_t batch_) override {
      shards = shards_, largest = largest_, batch = batch_;
    }
    void forward(const GhostBatchTask& task) override { seen[task.shard] = {task.first, task.count}; }
    void backward(const GhostBatchTask&) override {}
    bool depends;
    std::vector<std::size_t> prepared;
    std::size_t shards = 0, largest = 0, batch = 0;
    std::pair<std::size_t, std::size_t> seen[18];
  };
  for (bool depends : {true, false}) {
    Program program({1, 2, 2}, memory::data_type::f32, true, 4);
    const int made = add_elementwise(program, program.image(), logistic);
    auto owned = std::make_unique<Watch>(made, depends);
    Watch& watch = *owned;
    program.add(std::move(owned));
    program.settle(made);
    const std::vector<float> images(70 * 4, 0.0f);
    program.forward(images.data(), 10);
    CHECK(watch.batch == 10);
    CHECK(program.output()[39] == 0.5f);
    if (depends) {
      CHECK(watch.shards == 3);
      CHECK(watch.largest == 4);
      CHECK(watch.seen[0] == std::pair<std::size_t, std::size_t>(0, 4));
      CHECK(watch.seen[1] == std::pair<std::size_t, std::size_t>(4, 3));
      CHECK(watch.seen[2] == std::pair<std::size_t, std::size_t>(7, 3));
    } else {  // work for 8 threads, where it makes no difference
      CHECK(watch.shards == 5);
      CHECK(watch.largest == 2);
      program.forward(images.data(), 70);
      CHECK(watch.shards == 18);
      CHECK(watch.largest == 4);
    }
  }
}

TEST_CASE("activations in use at the same time do not share memory") {
  // A chain long enough that places are used again: sigmoid of sigmoid of ... with a fork across it.
  Program program({1, 1, 3}, memory::data_type::f32, false, 2);
  const auto [left, right] =
      add_fork(program, program.as(program.image(), memory::data_type::f32, memory::format_tag::nhwc));
  int chain = left;
  for (int i = 0; i < 5; ++i) chain = add_elementwise(program, chain, logistic);
  const int sum = add_sum(program, chain, right, false);
  program.settle(program.as(sum, memory::data_type::f32, memory::format_tag::nchw));
  const std::vector<float> images{-1, 0, 1, 2, 3, 4, 5, 6, 7};
  program.forward(images.data(), 3);
  for (std::size_t i = 0; i < images.size(); ++i) {
    float expected = images[i];
    for (int n = 0; n < 5; ++n) expected = 1.0f / (1.0f + std::exp(-expected));
    CHECK(program.output()[i] == doctest::Approx(expected + images[i]));
  }
}
