#include "network.h"

#include <algorithm>

#include "program.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

bool has_bf16() {
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (isa & wanted) == wanted;
}

std::string dims_text(const std::vector<std::int64_t>& dims) {
  std::string text;
  for (std::int64_t dim : dims) text += (text.empty() ? "" : "x") + std::to_string(dim);
  return text;
}

}  // namespace

Precision resolve(Precision asked) {
  if (asked == Precision::bf16 && !has_bf16())
    throw Error(
        "this processor has no bf16 instructions (AVX-512 BF16); use precision = \"f32\" or \"auto\"");
  if (asked == Precision::automatic) return has_bf16() ? Precision::bf16 : Precision::f32;
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
  const int last = plan_layers(*program_, layers_, "", program_->image(), false);
  program_->settle(program_->as(last, memory::data_type::f32, memory::format_tag::nchw));
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
    throw Error("the network was built for images of " + image_.text() + ", but these are " + given.text());
  if (embeddings_.count != images.count) embeddings_ = Embeddings(images.count, embedding_size_);
  if (images.count == 0) return embeddings_;
  program_->forward(images.pixels.data(), images.count, pass);
  std::copy_n(program_->output(), embeddings_.values.size(), embeddings_.values.data());
  return embeddings_;
}

void Network::backward(const Embeddings& gradient) {
  if (gradient.count != embeddings_.count || gradient.size != embedding_size_)
    throw Error("the gradient does not have the shape of the embeddings");
  if (gradient.count > 0) program_->backward(gradient.values.data());
}

std::vector<Network::Trained> Network::trained() {
  std::vector<Trained> all;
  for (Parameter& one : program_->parameters())
    if (one.kind != Parameter::Kind::tracked)
      all.push_back({one.name, {one.weights, one.size()}, {one.gradient, one.size()}, &one});
  return all;
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
