#include "network.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine.h"
#include "program.h"
#include "shape_hint.h"
#include "twinflow/error.h"

namespace twinflow::twin {

std::string dims_text(const std::vector<std::int64_t>& dims) {
  if (dims.empty()) return "one number";
  std::string text;
  for (std::int64_t dim : dims) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

std::string layer_of(const std::string& tensor) { return tensor.substr(0, tensor.rfind('.')); }

Shape each_tensor(
    const Layers& layers, Shape image,
    const std::function<void(const std::string& name, const std::vector<std::int64_t>& shape)>& each) {
  if (layers.empty()) throw Error("a network needs at least one layer");
  const Shape out = output_shape(layers, image);
  Program program(image, memory::data_type::f32, false, default_shard);
  program.on_parameter = [&](const Parameter& one) { each(one.name, one.dims); };
  plan_layers(program, layers, "", program.image(), false);
  return out;
}

Precision resolve(Precision asked) {
  const bool has_bf16 = has(dnnl::cpu_isa::avx512_core_bf16);
  if (asked == Precision::bf16 && !has_bf16)
    throw Error(
        "this processor has no bf16 instructions (AVX-512 BF16); use precision = \"f32\" or \"auto\"");
  if (asked == Precision::automatic) return has_bf16 ? Precision::bf16 : Precision::f32;
  return asked;
}

Network::Network(Layers layers, Shape image, Precision precision, Mode mode, std::size_t shard)
    : layers_(std::move(layers)), image_(image) {
  if (layers_.empty()) throw Error("a network needs at least one layer");
  check_names(layers_);
  const Shape out = output_shape(layers_, image);
  const memory::data_type compute =
      resolve(precision) == Precision::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
  program_ = std::make_unique<Program>(image, compute, mode == Mode::training, shard);
  with_memory_for([&] { return "the weights of a network for images of " + image.text(); },
                  [&] {
                    const int last = plan_layers(*program_, layers_, "", program_->image(), false);
                    program_->layer = "output";
                    program_->settle(program_->as(last, memory::data_type::f32, memory::format_tag::nchw));
                  });
  embedding_size_ = out.size();
}

Network::~Network() = default;
Network::Network(Network&&) noexcept = default;

void Network::initialise(const Streams& random) {
  program_->random = random;
  for (Parameter& parameter : program_->parameters())
    parameter.initialise([&](std::size_t row) { return random(parameter.name, 0, row); });
  program_->refresh_copies();
}

const Embeddings& Network::forward(const Images& images, const Pass& pass) {
  const Shape given{images.channels, images.height, images.width};
  if (given != image_)
    throw Error("the network was built for images of " + image_.text() + ", but these are " + given.text() +
                shape_hint(image_, given));
  const std::size_t count = pass.images > 0 ? pass.images : images.count,
                    whole = pass.whole > 0 ? pass.whole : images.count;
  if (embeddings_.count != count) embeddings_ = Embeddings(count, embedding_size_);
  if (count == 0) return embeddings_;
  with_memory_for(
      [&] { return pass_text(count); },
      [&] { program_->forward(images.image(pass.first_image - pass.given_from), count, whole, pass); });
  std::copy_n(program_->output(), embeddings_.values.size(), embeddings_.values.data());
  return embeddings_;
}

void Network::backward(const Embeddings& gradient, const Whole& whole) {
  if (gradient.count != embeddings_.count || gradient.size != embedding_size_)
    throw Error("the gradient does not have the shape of the embeddings");
  if (gradient.count == 0) return;
  with_memory_for([&] { return pass_text(gradient.count); },
                  [&] { program_->backward(gradient.values.data(), whole); });
}

std::vector<std::size_t> Network::parts(std::size_t count, std::size_t most) const {
  const std::vector<std::size_t> shards = program_->cut(count);
  std::vector<std::size_t> parts{0};
  for (std::size_t i = 1; i < shards.size(); ++i)
    if (i + 1 == shards.size() || shards[i + 1] - parts.back() > most) parts.push_back(shards[i]);
  return parts;
}

std::string Network::not_finite(const Images& images, const Pass& pass) {
  return program_->not_finite(images.image(pass.first_image - pass.given_from), pass.images,
                              pass.whole > 0 ? pass.whole : images.count, pass);
}

void Network::keep_statistics(const std::function<bool(const std::string&)>& of) {
  program_->keep_statistics(of);
}

std::vector<std::span<float>> Network::noted() { return program_->noted(); }

std::vector<Network::Stored> Network::stored() {
  std::vector<Stored> all;
  for (Parameter& one : program_->parameters())
    all.push_back({&one, {one.weights, one.size()}, {one.gradient, one.gradient ? one.size() : 0}});
  return all;
}

void Network::profile(Profile told) { program_->profile = std::move(told); }

std::vector<Network::LayerWork> Network::work() const {
  std::vector<LayerWork> all;
  for (const auto& operation : program_->operations())
    for (const Operation::Work& one : operation->work())
      all.push_back({operation->layer, std::string(one.part), one.kernel, one.flops});
  return all;
}

void Network::plan(std::size_t images) {
  with_memory_for([&] { return pass_text(images); }, [&] { program_->plan(images); });
}
std::string Network::pass_text(std::size_t images) const {
  return fmt::format("a pass of {} images of {} through the network", images, image_.text());
}
NetworkMemory Network::taken(int threads) const { return program_->taken(threads); }

std::vector<Network::LayerRow> Network::rows() const {
  std::vector<LayerRow> rows;
  const auto row_of = [&](const std::string& layer) -> LayerRow& {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](auto& one) { return one.layer == layer; });
    return found != rows.end() ? *found : rows.emplace_back(LayerRow{layer, {}, 0, 0.0, ""});
  };
  for (const auto& operation : program_->operations()) {
    LayerRow& row = row_of(operation->layer);
    row.output = program_->activation(operation->outputs.back()).shape;
    for (const Operation::Work& work : operation->work()) {
      if (work.part == "forward") {
        row.flops += work.flops;
        row.kernel = work.kernel;
      } else if (work.kernel.starts_with("ref")) {  // oneDNN's reference code: slow
        row.kernel += fmt::format(", {}: {}", work.part, work.kernel);
      }
    }
  }
  for (const Parameter& parameter : program_->parameters()) {
    LayerRow* owner = nullptr;  // with the longest name that the parameter's begins with
    for (LayerRow& row : rows)
      if (parameter.name.starts_with(row.layer + ".") && (!owner || row.layer.size() > owner->layer.size()))
        owner = &row;
    if (owner && parameter.kind != Parameter::Kind::tracked) owner->parameters += parameter.logical();
  }
  return rows;
}

void Network::weights_changed() { program_->refresh_copies(); }

NamedTensors Network::weights() const {
  NamedTensors all;
  for (const Parameter& one : program_->parameters())
    all.tensors[one.name] = {one.dims, one.row_major(one.weights)};
  return all;
}

NamedTensors Network::gradients() const {
  NamedTensors all;
  for (const Parameter& one : program_->parameters())
    if (one.gradient) all.tensors[one.name] = {one.dims, one.row_major(one.gradient)};
  return all;
}

void Network::load(const NamedTensors& tensors) {
  for (Parameter& one : program_->parameters()) {
    const auto found = tensors.tensors.find(one.name);
    if (found == tensors.tensors.end()) throw Error("the weights have no tensor \"" + one.name + "\"");
    if (found->second.shape != one.dims)
      throw Error("tensor \"" + one.name + "\" is " + dims_text(found->second.shape) +
                  " in the weights, but the network's is " + dims_text(one.dims));
    one.set(found->second.values);
  }
  program_->refresh_copies();
}

}  // namespace twinflow::twin
