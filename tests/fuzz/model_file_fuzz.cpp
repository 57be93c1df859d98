// Any bytes as a model's file, and any text as one that is sound but for what it says: its lines are metadata
// ("image=1x6x6"), or tensors of zeros ("tensor 0.dense.weight 3x36"). Both are refused with an Error, or are
// a model, with which an image of its size may be embedded.
#include <algorithm>
#include <sstream>

#include "fuzz.h"
#include "plugins/twin/model_file.h"

using namespace twinflow;
using namespace twinflow::twin;

namespace {

void try_model(const std::filesystem::path& file) {
  Model model;
  try {
    model = read_model(file);
  } catch (const Error&) {
    return;
  }
  demand(!model.layers.empty() && model.distance != nullptr, "a model lacks a part");
  demand(!model_text(model).empty(), "a model has no text");
  if (model.image.size() > 4096) return;
  Images image(1, model.image.channels, model.image.height, model.image.width);
  std::fill(image.pixels.begin(), image.pixels.end(), 0.5f);
  try {
    demand(model.embed(image).count == 1, "an image has no embedding");
  } catch (const std::exception&) {  // oneDNN has its own opinion of strides
  }
}

NamedTensors described(const std::string& text) {
  NamedTensors named;
  named.metadata = {{"distance", "\"l1\""}, {"image", "1x6x6"}, {"precision", "f32"}};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("tensor ")) {
      std::istringstream words(line.substr(7));
      std::string name, shape;
      words >> name >> shape;
      Tensor tensor;
      std::size_t count = 1;
      std::istringstream sizes(shape);
      for (std::string size; std::getline(sizes, size, 'x');) {
        tensor.shape.push_back(std::atoi(size.c_str()) & 0xff);
        count *= static_cast<std::size_t>(tensor.shape.back());
      }
      if (count > 1 << 16) continue;
      tensor.values.resize(count);
      named.tensors[name] = std::move(tensor);
    } else if (const auto equals = line.find('='); equals != line.npos) {
      named.metadata[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  return named;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text = text_of(bytes, size);
  try_model(temp_folder().write("given", text));
  try {
    write_safetensors(temp_folder().path / "described", described(text));
  } catch (const Error&) {  // no UTF-8
    return 0;
  }
  try_model(temp_folder().path / "described");
  return 0;
}
