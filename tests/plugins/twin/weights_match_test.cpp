#include "plugins/twin/weights_match.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>

#include "layers_from.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// The weights of a network, all of that value.
NamedTensors weights(const std::string& layers, float value) {
  NamedTensors named = Network(layers_from(layers), {1, 8, 8}, Precision::f32, Mode::training).weights();
  for (auto& [name, tensor] : named.tensors) tensor.values.assign(tensor.values.size(), value);
  return named;
}

const std::string trained =
    "[{type = 'conv', filters = 4, name = 'first'}, {type = 'batch_norm', name = 'norm'},"
    " {type = 'dense', units = 3, name = 'head'}]";

/// All values of the tensors that begin so.
std::set<float> values_of(const NamedTensors& named, const std::string& start) {
  std::set<float> all;
  for (const auto& [name, tensor] : named.tensors)
    if (name.starts_with(start)) all.insert(tensor.values.begin(), tensor.values.end());
  return all;
}

}  // namespace

TEST_CASE("the same network takes everything over") {
  NamedTensors own = weights(trained, 1);
  own.tensors["distance.weight"] = {{4}, {1, 1, 1, 1}};
  NamedTensors file = weights(trained, 2);
  file.tensors["distance.weight"] = {{4}, {2, 2, 2, 2}};
  const WeightsMatch match = load_matching(own, file, "x");
  CHECK(match.text() == "kept: distance, first, head, norm");
  CHECK(match.kept.size() == 9);
  CHECK(values_of(own, "") == std::set<float>{2});
}

TEST_CASE("a layer added in front keeps what has names") {
  NamedTensors own = weights("[{type = 'conv', filters = 1, name = 'new'}, " + trained.substr(1), 1);
  const WeightsMatch match = load_matching(own, weights(trained, 2), "x");
  CHECK(match.text() == "kept: first, head, norm; new: new");
  CHECK(match.fresh == std::vector<std::string>{"new.bias", "new.weight"});
  CHECK(values_of(own, "new") == std::set<float>{1});
  CHECK(values_of(own, "first") == std::set<float>{2});
  CHECK(values_of(own, "norm.running_mean") == std::set<float>{2});
}

TEST_CASE("a layer taken away is left in the file, and the next may have another shape") {
  NamedTensors own =
      weights("[{type = 'batch_norm', name = 'norm'}, {type = 'dense', units = 3, name = 'head'}]", 1);
  const WeightsMatch match = load_matching(own, weights(trained, 2), "x");
  CHECK(match.text() ==
        "kept: head.bias; other shape: head.weight (3x256 in the file, 3x64 here), norm (4 in the file, 1 "
        "here); "
        "not used: first");
  CHECK(values_of(own, "head.bias") == std::set<float>{2});
  CHECK(values_of(own, "head.weight") == std::set<float>{1});
  CHECK(values_of(own, "norm") == std::set<float>{1});
}

TEST_CASE("a layer of another size begins anew, and layers come in their order") {
  std::string many = "[";
  for (int i = 0; i < 11; ++i) many += "{type = 'dense', units = 2}, ";
  NamedTensors own = weights(many + "{type = 'dense', units = 5}]", 1);
  const WeightsMatch match = load_matching(own, weights(many + "{type = 'dense', units = 7}]", 2), "x");
  CHECK(match.text() ==
        "kept: 0.dense, 1.dense, 2.dense, 3.dense, 4.dense, 5.dense, 6.dense, 7.dense, 8.dense, 9.dense, "
        "10.dense; "
        "other shape: 11.dense (7x2 in the file, 5x2 here)");
  CHECK(values_of(own, "11.dense") == std::set<float>{1});
  CHECK(values_of(own, "10.dense") == std::set<float>{2});
}

TEST_CASE("a file that has nothing for the network is refused") {
  NamedTensors own = weights("[{type = 'dense', units = 3}]", 1);
  CHECK_THROWS_WITH_AS(
      load_matching(own, weights(trained, 2), "x.safetensors"),
      "nothing in 'x.safetensors' fits this network: new: 0.dense; not used: first, head, norm", Error);
  NamedTensors damaged = weights("[{type = 'dense', units = 3}]", 2);
  damaged.tensors.at("0.dense.bias").values[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(load_matching(own, damaged, "x.safetensors"),
                       "the tensor '0.dense.bias' of 'x.safetensors' holds what is not a finite number",
                       Error);
  CHECK(values_of(own, "") == std::set<float>{1});
}
