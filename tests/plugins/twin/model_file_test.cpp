#include "plugins/twin/model_file.h"

#include <doctest/doctest.h>

#include <functional>
#include <limits>

#include "plugins/twin/presets.h"
#include "program.h"
#include "small_model.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

/// What read_model() says of a small model's file after a change, behind the file's name.
std::string refusal(const std::function<void(NamedTensors&)>& change, const Model& model = small_model()) {
  const TempFolder temp;
  NamedTensors named = *model.weights;
  change(named);
  write_safetensors(temp.path / "x", named);
  try {
    read_model(temp.path / "x");
  } catch (const Error& error) {
    const std::string text = error.what(),
                      start = "'" + (temp.path / "x").string() + "' is not a good model: ";
    REQUIRE(text.starts_with(start));
    return text.substr(start.size());
  }
  return "accepted";
}

std::string with_metadata(const std::string& key, const std::string& value) {
  return refusal([&](NamedTensors& named) { named.metadata[key] = value; });
}

}  // namespace

TEST_CASE("a file alone rebuilds the model, to the bit") {
  const TempFolder temp;
  const char* const layers[] = {
      "[{type = 'conv', filters = 16, size = 5, padding = 'valid', bias = false}, 'batch_norm', 'relu', "
      "'max_pool',"
      " {type = 'residual', layers = [{type = 'conv', filters = 24, stride = 2}, 'batch_norm', 'relu']},"
      " {type = 'dense', units = 8, name = 'head'}, 'sigmoid']",
      "['l2_normalize']"};
  for (const char* one : layers)
    for (const char* distance : {"cosine", "weighted_l1"})
      for (const Precision precision : {Precision::f32, resolve(Precision::automatic)}) {
        const Model model = model_of(one, {1, 16, 16}, distance, precision);
        write_safetensors(temp.path / "x", *model.weights);
        const Model back = read_model(temp.path / "x");
        CHECK(back.precision == precision);
        CHECK(back.image == model.image);
        CHECK(ParamType<Layers>::text(back.layers) == ParamType<Layers>::text(model.layers));
        CHECK(back.distance->type == distance);
        CHECK(std::equal(back.distance_weights().begin(), back.distance_weights().end(),
                         model.distance_weights().begin(), model.distance_weights().end()));
        CHECK(back.embed(noise(20, 16)).values == model.embed(noise(20, 16)).values);
        CHECK(back.epoch == 0);
        CHECK(back.step == 0);
      }
}

TEST_CASE("what a checkpoint adds is known again") {
  const TempFolder temp;
  NamedTensors named = *small_model().weights;
  named.metadata["epoch"] = "5";
  named.metadata["step"] = "120";
  named.metadata["protocol"] = "anything";
  write_safetensors(temp.path / "x", named);
  const Model model = read_model(temp.path / "x");
  CHECK(model.epoch == 4);
  CHECK(model.step == 120);
  CHECK(model.weights->metadata.at("protocol") == "anything");
  CHECK(model_text(model) ==
        "3 layers, 1891 parameters, distance l1, images of 1x6x6, f32, epoch 5, step 120");
}

TEST_CASE("a model with a checksum is as it was written") {
  const TempFolder temp;
  const auto file = temp.path / "x";
  NamedTensors named = *small_model().weights;
  named.metadata["checksum"] = checksum(named);
  write_safetensors(file, named);
  CHECK(read_model(file).weights->metadata == named.metadata);

  // A bit of any of its bytes, or an end too soon: it is not taken for good.
  const std::string whole = read_file(file);
  const std::size_t begin = whole.size() - 1891 * sizeof(float);  // of the numbers; all of them count
  const std::size_t key = whole.find("\"checksum\"");
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); at += at < begin ? 7 : 101) {
    if (at > key && at < key + 9) continue;  // under another name it is no checksum
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    temp.write("x", damaged);
    try {
      read_model(file);
      FAIL_CHECK("taken, with a bit of byte ", at, " turned over");
    } catch (const Error& error) {
      if (at >= begin &&
          std::string(error.what())
              .ends_with("it is damaged, or another program has changed it and kept its \"checksum\""))
        ++refused;
    }
  }
  CHECK(refused > 50);
  for (std::size_t length = 0; length < whole.size(); length += 211) {
    temp.write("x", whole.substr(0, length));
    CHECK_THROWS_AS(read_model(file), Error);
  }

  // Another program's file has none, and need not.
  named.metadata.erase("checksum");
  write_safetensors(file, named);
  CHECK(read_model(file).weights->metadata == named.metadata);
}

TEST_CASE("metadata that make no network are named") {
  for (const char* key : {"network", "distance", "image", "precision"})
    CHECK(refusal([&](NamedTensors& named) { named.metadata.erase(key); }) ==
          "its metadata have no \"" + std::string(key) + "\"");
  CHECK(with_metadata("image", "1x6") == "its \"image\" is \"1x6\"");
  for (const char* image : {"", "x", "1x6x6x6", "1x6x6 ", "-1x6x6", "1x6xsix", "99999999999999999999x6x6"})
    CHECK(with_metadata("image", image) == "its \"image\" is \"" + std::string(image) + "\"");
  CHECK(with_metadata("image", std::string(101, '1')) == "its \"image\" is a text of 101 bytes");
  CHECK(with_metadata("image", "\x1b[2J") == "its \"image\" is \"\\u001b[2J\"");
  CHECK(with_metadata("distance", "\"\\u001b[2J\"")
            .starts_with("its \"distance\": there is no distance '\\u001b[2J' (there are: cosine, l1, l2, "));
  CHECK(with_metadata("precision", "auto") == "its \"precision\" is \"auto\", neither \"f32\" nor \"bf16\"");
  CHECK(with_metadata("epoch", "5.5") == "its \"epoch\" is \"5.5\"");
  CHECK(with_metadata("step", "-1") == "its \"step\" is \"-1\"");
  CHECK(with_metadata("network", "[]") == "a network needs at least one layer");
  CHECK(with_metadata("network", "7") == "its \"network\": expected list of layer, found an integer");
  CHECK(with_metadata("network", "[7]") ==
        "its \"network\": a layer is written as its name or as { type = \"...\", ... }, not as an integer");
  CHECK(with_metadata("network", "[{ type = \"cnov\" }]")
            .starts_with("its \"network\": there is no layer 'cnov'; did you mean 'conv'?"));
  CHECK(with_metadata("network", "[{ type = \"conv\", filtres = 3 }]") ==
        "its \"network\": layer 'conv' has no parameter 'filtres'; did you mean 'filters'?");
  CHECK(with_metadata("distance", "\"l3\"").starts_with("its \"distance\": there is no distance 'l3'"));
  CHECK(with_metadata("distance", "\"euclidean\"")
            .starts_with("its \"distance\": there is no distance 'euclidean'; did you mean 'l2'?"));
}

TEST_CASE("a layer that does not fit, and tensors that are not its own, are named") {
  CHECK(
      with_metadata("network", "[{ type = \"conv\", size = 7, padding = \"valid\" }]") ==
      "layer 0 (conv): a 7x7 convolution does not fit into 1x6x6; use padding = \"same\", a smaller size or "
      "larger images");
  CHECK(refusal([](NamedTensors& named) { named.tensors.erase("2.dense.bias"); }) ==
        "it has no tensor \"2.dense.bias\"");
  CHECK(refusal([](NamedTensors& named) {
          named.tensors["2.dense.bias"] = {{1, 3}, {1, 2, 3}};
        }) == "its tensor \"2.dense.bias\" is 1x3, but the network's is 3");
  CHECK(refusal([](NamedTensors& named) {
          named.tensors["2.dense.bias"] = {{}, {1}};
        }) == "its tensor \"2.dense.bias\" is one number, but the network's is 3");
  CHECK(refusal([](NamedTensors& named) {
          named.tensors["3.dense.bias"] = {{1}, {1}};
        }) == "nothing of its network uses the tensor \"3.dense.bias\"");
  CHECK(refusal([](NamedTensors& named) {
          named.tensors["distance.weight"] = {{1}, {1}};
        }) == "nothing of its network uses the tensor \"distance.weight\"");
  CHECK(refusal([](NamedTensors& named) { named.tensors.erase("distance.weight"); },
                small_model("weighted_l1")) == "it has no tensor \"distance.weight\"");
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    CHECK(refusal([&](NamedTensors& named) { named.tensors["0.conv.bias"].values[3] = value; }) ==
          "its tensor \"0.conv.bias\" holds what is not a finite number");
  CHECK(with_metadata("network",
                      "[{ type = \"dense\", units = 3, name = \"a\" }, { type = \"dense\", units = 3, name = "
                      "\"a\" }]") == "it has no tensor \"a.weight\"");
}

TEST_CASE("a hostile file is refused before anything of its size is made") {
  CHECK(with_metadata("network", "[{ type = \"conv\", filters = 1000000000000000 }]") ==
        "layer 0 (conv): an image of 1000000000000000x6x6 is too large: more than 1073741824 numbers");
  CHECK(with_metadata("network", "[{ type = \"dense\", units = 1000000000000000 }]") ==
        "layer 0 (dense): an image of 1000000000000000x1x1 is too large: more than 1073741824 numbers");
  CHECK(with_metadata("image", "1x1000000000x1000000000") ==
        "an image of 1x1000000000x1000000000 is too large: more than 1073741824 numbers");
  CHECK(with_metadata("image", "18446744073709551615x18446744073709551615x2") ==
        "an image of 18446744073709551615x18446744073709551615x2 is too large: more than 1073741824 numbers");
  CHECK(with_metadata("image", "1x0x6") == "nothing is left of an image: 1x0x6");
  CHECK(with_metadata("image", "1x30000x30000") ==
        "layer 0 (conv): an image of 16x30000x30000 is too large: more than 1073741824 numbers");
  std::string nested = "\"relu\"";
  for (int i = 0; i < 10'000; ++i) nested = "{ type = \"residual\", layers = [" + nested + "] }";
  CHECK(with_metadata("network", "[" + nested + "]").find("nested") != std::string::npos);
}

TEST_CASE("a file that is no safetensors file, or none, says so itself") {
  const TempFolder temp;
  temp.write("x", "abc");
  CHECK_THROWS_WITH_AS(read_model(temp.path / "x"),
                       ("'" + (temp.path / "x").string() +
                        "' is not a good safetensors file: it is shorter than its first field")
                           .c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(read_model(temp.path / "none"),
                       ("cannot open '" + (temp.path / "none").string() + "'").c_str(), Error);
}

TEST_CASE("every preset reads back") {
  const TempFolder temp;
  for (const char* name : {"conv4", "residual"}) {
    Model model;
    model.layers = preset(name);
    model.image = {1, 28, 28};
    model.distance = component<Distance>("type = \"cosine\"");
    describe_weights(model, Network(model.layers, model.image, Precision::f32, Mode::inference).weights(),
                     {});
    write_safetensors(temp.path / "x", *model.weights);
    CHECK(read_model(temp.path / "x").weights->tensors.size() == model.weights->tensors.size());
  }
}

TEST_CASE("a file with damaged metadata is refused with the file's name, or is a model") {
  // Changes of the texts that describe a network, byte by byte: deletions, other bytes, pieces twice. What
  // tests/fuzz/model_file_fuzz.cpp does without end, for as long as one likes.
  const TempFolder temp;
  const Model model = small_model();
  std::size_t refused = 0, read = 0;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    Random random(11, 0, i);
    NamedTensors named = *model.weights;
    auto changed = named.metadata.begin();
    std::advance(changed, random.below(named.metadata.size()));
    std::string& text = changed->second;
    for (std::uint64_t times = 1 + random.below(3); times > 0 && !text.empty(); --times) {
      const std::size_t at = random.below(text.size()), length = 1 + random.below(6);
      switch (random.below(4)) {
        case 0:
          text.erase(at, length);
          break;
        case 1:
          text[at] = static_cast<char>(' ' + random.below(95));
          break;
        case 2:
          text.insert(at, text.substr(random.below(text.size()), 4 * length));
          break;
        default:
          text.insert(at, std::to_string(random.bits()));
      }
    }
    write_safetensors(temp.path / "x", named);
    try {
      read_model(temp.path / "x");
      ++read;
    } catch (const Error& error) {
      ++refused;
      CAPTURE(text);
      CHECK(std::string(error.what())
                .starts_with("'" + (temp.path / "x").string() + "' is not a good model: "));
    }
  }
  CHECK(refused > 1000);
  CHECK(read > 0);
}
