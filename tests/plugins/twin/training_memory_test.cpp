#include "plugins/twin/training_memory.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

#include "components.h"
#include "contains.h"
#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// 1,025,600 weights and 464 biases.
Recipe recipe(const std::string& optimizer = "type = \"adam\"") {
  return {layers_from("[{type = 'dense', units = 400}, 'relu', {type = 'dense', units = 64}]"),
          component<Distance>("type = \"cosine\""), component<Loss>("type = \"all_pairs\""),
          component<Optimizer>(optimizer), component<Schedule>("type = \"constant\"")};
}

constexpr Shape image{1, 50, 50};
constexpr double weights = 4.0 * (2500 * 400 + 400 + 400 * 64 + 64);  // bytes

MemoryNeed counted(const Recipe& recipe, std::size_t batch, double left = 1e12, std::size_t shares = 0,
                   int ranks = 1) {
  MemoryNeed need;
  need.threads = 2;
  need.left = left;
  need.shared = ranks;
  count_training(recipe, image, batch, shares, need);
  return need;
}

/// Bytes by piece.
std::map<std::string, double> pieces(const MemoryNeed& need) {
  std::map<std::string, double> all;
  for (const MemoryPiece& one : need.pieces) all[one.what] = one.bytes;
  return all;
}

}  // namespace

TEST_CASE("what a training holds is counted piece by piece, and none of it is allocated") {
  // Large buffers are whole pages of 2 MiB.
  const auto close = [](double expected) { return doctest::Approx(expected).epsilon(0.05); };
  const auto all = pieces(counted(recipe(), 32));
  CHECK(all.at("weights and their gradients") == close(2 * weights));
  CHECK(all.at("the memory of the optimizer adam") == close(2 * weights));
  CHECK(all.at("a state being saved") == close(3 * weights));
  CHECK(all.at("the newest model and the last finite one") == close(2 * weights));
  CHECK(all.contains("the passes of 32 images of 1x50x50 at once"));
  CHECK(!all.contains("gradients that are collected"));
  CHECK(!all.contains("the moving average of the weights"));
  CHECK(!pieces(counted(recipe("type = \"sgd\"\nmomentum = 0.0"), 32))
             .contains("the memory of the optimizer sgd"));

  Recipe more = recipe();
  more.accumulate = 2;
  more.average = 0.99;
  const auto with_more = pieces(counted(more, 32));
  CHECK(with_more.at("gradients that are collected") == close(weights));
  CHECK(with_more.at("the moving average of the weights") == close(weights));
  CHECK(with_more.at("a state being saved") == close(5 * weights));

  Recipe huge = recipe();
  huge.layers = layers_from("[{type = 'dense', units = 100000}, {type = 'dense', units = 100000}]");
  CHECK(pieces(counted(huge, 32)).at("weights and their gradients") > 40e9);
}

TEST_CASE("the count is what a network of that plan takes") {
  for (const std::size_t batch : {std::size_t{20}, std::size_t{64}}) {
    const MemoryNeed need = counted(recipe(), batch);
    Network network(recipe().layers, image, Precision::f32, Mode::training);
    network.plan(batch);
    const NetworkMemory real = network.taken(2);
    const auto all = pieces(need);
    CHECK(all.at("weights and their gradients") == static_cast<double>(real.weights + real.gradients));
    const auto copies = all.find("the weights as the processor reads them");  // on some processors none
    CHECK((copies == all.end() ? 0.0 : copies->second) == static_cast<double>(real.copies));
    const double passes = all.at("the passes of " + std::to_string(batch) + " images of 1x50x50 at once");
    CHECK(passes >= static_cast<double>(real.passes));
    CHECK(passes < 1.5 * static_cast<double>(real.passes));  // with the scratch memory of kernels
  }
}

TEST_CASE("models are as large as the weights; using one takes a network without gradients") {
  const MemoryNeed need = counted(recipe(), 32);
  CHECK(need.gives_model.bytes == doctest::Approx(weights).epsilon(0.05));
  CHECK(need.gives_model.in_use > weights);
  CHECK(need.gives_model.in_use < 4 * weights);
  CHECK(need.gives_model.embedding == 64 * sizeof(float));
}

TEST_CASE("a batch that does not fit at once is told what would, where something would") {
  const auto advice = [](const MemoryNeed& need) { return need.pieces.back().advice; };
  CHECK(advice(counted(recipe(), 1024)) == "smaller batches or images");
  double sum = 0;
  for (const MemoryPiece& one : counted(recipe(), 1024).pieces) sum += one.bytes;
  const std::string smaller = advice(counted(recipe(), 1024, 0.8 * sum));
  CAPTURE(smaller);
  CHECK(smaller.starts_with("micro_batch = "));
  Recipe cut = recipe();
  cut.micro_batch = std::stoul(smaller.substr(14));
  double now = 0;
  for (const MemoryPiece& one : counted(cut, 1024).pieces) now += one.bytes;
  CHECK(now < sum);
  CHECK(advice(counted(recipe(), 1024, 1e6)) == "smaller batches or images");  // nothing would
}

TEST_CASE("of a batch that ranks share each has its part") {
  const auto at_once = [](const MemoryNeed& need) { return need.pieces.back().what; };
  CHECK(contains(at_once(counted(recipe(), 64, 1e12, 0, 4)), "passes of 16 images"));
  CHECK(contains(at_once(counted(recipe(), 64, 1e12, 8, 4)), "passes of 8 images"));
  CHECK(pieces(counted(recipe(), 64, 1e12, 8, 4)).contains("gradients of shares that wait to be added"));
}
