#include "model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <vector>

#include "finite.h"
#include "network.h"
#include "summary.h"
#include "twinflow/error.h"
#include "twinflow/text.h"

namespace twinflow::twin {
namespace {

using Metadata = std::map<std::string, std::string>;

std::string quoted(const std::string& text) {
  if (text.size() > 100) return fmt::format("a text of {} bytes", text.size());
  return ParamType<std::string>::text(text);
}

const std::string& described(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw Error("its metadata have no \"" + key + "\"");
  return found->second;
}

template <class Number>
Number number(const std::string& key, const std::string& text, const char* from, const char* to) {
  Number value = 0;
  const auto [end, wrong] = std::from_chars(from, to, value);
  if (wrong != std::errc() || end != to) throw Error("its \"" + key + "\" is " + quoted(text));
  return value;
}

/// "1x52x52"
Shape read_shape(const std::string& text) {
  std::size_t sizes[3] = {};
  const char *at = text.data(), *const end = at + text.size();
  for (std::size_t& size : sizes) {
    const char* const next = &size == &sizes[2] ? end : std::find(at, end, 'x');
    size = number<std::size_t>("image", text, at, next);
    at = next == end ? end : next + 1;
  }
  return {sizes[0], sizes[1], sizes[2]};
}

Precision read_precision(const std::string& text) {
  if (text != "f32" && text != "bf16")
    throw Error("its \"precision\" is " + quoted(text) + ", neither \"f32\" nor \"bf16\"");
  return text == "bf16" ? Precision::bf16 : Precision::f32;
}

/// 0 where the file does not say.
std::uint64_t read_count(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return 0;
  const std::string& text = found->second;
  return number<std::uint64_t>(key, text, text.data(), text.data() + text.size());
}

/// Every tensor that the network has, and no other, in its shape.
void require_tensors(const Model& model) {
  const std::map<std::string, Tensor>& tensors = model.weights->tensors;
  std::set<std::string> wanted;
  const auto require = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw Error("it has no tensor \"" + name + "\"");
    if (found->second.shape != shape)
      throw Error("its tensor \"" + name + "\" is " + dims_text(found->second.shape) +
                  ", but the network's is " + dims_text(shape));
    wanted.insert(name);
  };
  const std::size_t embedding = each_tensor(model.layers, model.image, require).size();
  const std::size_t own = model.distance->weight_count(embedding);
  if (own > 0) require("distance.weight", {static_cast<std::int64_t>(own)});
  for (const auto& [name, tensor] : tensors)
    if (!wanted.contains(name)) throw Error("nothing of its network uses the tensor " + quoted(name));
}

void require_finite(const NamedTensors& named) {
  for (const auto& [name, tensor] : named.tensors)
    if (!all_finite(tensor.values))
      throw Error("its tensor \"" + name + "\" holds what is not a finite number");
}

}  // namespace

Model read_model(const std::filesystem::path& file) {
  Model model;
  model.weights = std::make_shared<const NamedTensors>(read_safetensors(file));
  const Metadata& metadata = model.weights->metadata;
  try {
    if (const auto sum = metadata.find("checksum");
        sum != metadata.end() && sum->second != checksum(*model.weights))
      throw Error("it is damaged, or another program has changed it and kept its \"checksum\"");
    model.layers = read_text<Layers>(described(metadata, "network"), "its \"network\"");
    model.distance =
        read_text<std::shared_ptr<const Distance>>(described(metadata, "distance"), "its \"distance\"");
    model.image = read_shape(described(metadata, "image"));
    model.precision = read_precision(described(metadata, "precision"));
    if (const auto by = metadata.find("prepared_by"); by != metadata.end()) model.prepared_by = by->second;
    model.epoch = read_count(metadata, "epoch");
    if (model.epoch > 0) --model.epoch;  // written as it is printed
    model.step = read_count(metadata, "step");
    require_tensors(model);
    require_finite(*model.weights);
  } catch (const std::exception& error) {
    throw Error(fmt::format("'{}' is not a good model: {}", shown(file.string()), shown_lines(error.what())));
  }
  return model;
}

std::string model_text(const Model& model) {
  return fmt::format("{} layer{}, {}, distance {}, images of {}, {}, epoch {}, step {}", model.layers.size(),
                     model.layers.size() == 1 ? "" : "s",
                     numbers_text(model.layers, model.image, *model.distance), model.distance->type,
                     model.image.text(), model.precision == Precision::bf16 ? "bf16" : "f32", model.epoch + 1,
                     model.step);
}

}  // namespace twinflow::twin
