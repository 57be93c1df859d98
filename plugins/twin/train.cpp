#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "model.h"
#include "presets.h"
#include "trainer.h"
#include "twinflow/plugin.h"

namespace twinflow::twin {
namespace {

Labels labels_of(const AnyBatch& batch) {
  Labels labels;
  if (const auto* pairs = std::get_if<PairBatch>(&batch))
    for (std::size_t i = 0; i < pairs->pairs(); ++i) labels.same.push_back(pairs->same(i) ? 1 : 0);
  else
    labels.classes = std::get<ImageBatch>(batch).classes;
  return labels;
}

/// Trains a twin network: one branch that every image of a batch goes through. The network is built at the
/// first batch, whose image size it takes; at the end of each epoch the model as it is goes out.
class Train final : public Stateful<AnyBatch> {
 public:
  static void describe(NodeSpec<Train>& spec) {
    spec.summary("Trains a twin network on batches of classes or of pairs.");
    spec.example(R"([node.trained]
type = "twin.train"
from = "augmented"
network = "conv4"
loss = { type = "all_pairs", scale = 10.0 }
optimizer = { type = "adamw", learning_rate = 1e-3 }
schedule = "cosine")");
    spec.input("batch").doc("images with their classes, or pairs of images with their labels");
    spec.output("model", &Train::model).doc("the network as it is at the end of each epoch");
    spec.param("network", &Train::network)
        .doc("a network with a name, and changes to it; or write out `layer`");
    spec.param("layer", &Train::layer).doc("the layers of the network, in order: [[node.NAME.layer]]");
    spec.param("distance", &Train::distance).doc("how far apart two embeddings are");
    spec.param("loss", &Train::loss).doc("what training makes small");
    spec.param("optimizer", &Train::optimizer).doc("how gradients change the weights");
    spec.param("schedule", &Train::schedule).doc("what the learning rate is multiplied by, over the run");
    spec.param("precision", &Train::precision)
        .names({{"f32", Precision::f32}, {"bf16", Precision::bf16}, {"auto", Precision::automatic}})
        .doc("type of activations; auto: bf16 where the processor has it");
    spec.param("shard", &Train::shard)
        .doc(
            "how a batch is cut, whatever the number of threads; batch_norm takes its statistics over a "
            "shard")
        .unit("images")
        .range(1, 65536);
    spec.metric("loss", "of the batch", Better::lower);
    spec.metric("learning_rate", "of the update");
    spec.metric("images_per_second", "trained, waiting for data included; not in the first step of an epoch");
    spec.metric("distance_same", "mean distance of pairs of one class");
    spec.metric("distance_different", "mean distance of pairs of two classes");
    spec.check(&Train::check);
  }

  void check(const Checking& checking) const {
    if ((network == nullptr) == layer.empty())
      checking.error("network", network ? "network and layer are both given; only one of them can be"
                                        : "a network is needed: network = \"conv4\", or layers in `layer`");
    try {
      check_names(layer);
      if (const auto images = checking.image_shape("batch"))
        output_shape(network ? network->layers() : layer, *images);
    } catch (const LayerError& error) {
      checking.error_at(network ? std::vector<Checking::Step>{"network"} : error.place("layer"),
                        error.what());
    } catch (const Error& error) {
      checking.error("layer", error.what());
    }
    if (checking.fed_with<PairBatch>("batch") && !loss->takes_pairs())
      checking.error("loss",
                     "the loss " + loss->type + " needs batches of classes, but \"batch\" is fed with pairs");
    if (checking.fed_with<ImageBatch>("batch") && !loss->takes_classes())
      checking.error("loss",
                     "the loss " + loss->type + " needs batches of pairs, but \"batch\" is fed with classes");
    if (loss->needs_logits() && !distance->gives_logits())
      checking.error("distance", "the loss " + loss->type +
                                     " needs a distance that gives logits, such as weighted_l1; " +
                                     distance->type + " does not");
    if (!loss->takes_logits() && distance->gives_logits())
      checking.error("distance", "the loss " + loss->type + " needs a distance from 0 upwards; " +
                                     distance->type + " gives logits");
  }

  void process(AnyBatch batch, const Item& item) override {
    const Images& images = images_of(batch);
    if (!trainer) build(images);
    const Trainer::Outcome done = trainer->step(images, labels_of(batch));
    const auto now = std::chrono::steady_clock::now();
    Numbers values{{"loss", done.loss},
                   {"learning_rate", done.rate},
                   {"distance_same", done.same},
                   {"distance_different", done.different}};
    if (last_step)
      values["images_per_second"] =
          static_cast<double>(images.count) / std::chrono::duration<double>(now - *last_step).count();
    last_step = now;
    report(item, values);
  }

  State save() const override {
    if (trainer) return trainer->save();
    return resumed ? *resumed : State();
  }
  void restore(const State& state) override {
    if (!state.values.empty()) resumed = state;
  }

  void finish_epoch(const Item& last) override {
    last_step.reset();  // what comes between the epochs is not training
    if (!trainer || !model.used()) return;
    Model made;
    made.epoch = last.epoch;
    made.step = trainer->updates();
    made.distance = distance;
    made.layers = layers;
    made.image = image;
    made.precision = resolve(precision);
    NamedTensors weights = trainer->network().weights();
    for (const auto& [name, tensor] : weights.tensors)  // a ReLU hides what is not a number from the loss
      if (!std::all_of(tensor.values.begin(), tensor.values.end(),
                       [](float one) { return std::isfinite(one); }))
        throw Error("after update " + std::to_string(made.step) + " the weights '" + name +
                    "' are not finite numbers; a smaller learning_rate may help");
    describe_weights(made, std::move(weights), trainer->distance_weights());
    model.emit(std::move(made), last);
  }

 private:
  void build(const Images& images) {
    layers = network ? network->layers() : layer;
    image = {images.channels, images.height, images.width};
    trainer.emplace(Recipe{layers, distance, loss, optimizer, schedule, resolve(precision),
                           static_cast<std::size_t>(shard), run().epochs() * run().steps_per_epoch(),
                           run().steps_per_epoch()},
                    image, [this](std::string_view purpose, std::uint64_t a, std::uint64_t b) {
                      return Random(stream_key(run().seed(), name(), purpose), a, b);
                    });
    if (resumed) trainer->restore(*resumed);
    resumed.reset();
  }

  std::shared_ptr<const Preset> network;  // or
  Layers layer;
  std::shared_ptr<const Distance> distance = default_component<Distance>("cosine");
  std::shared_ptr<const Loss> loss = default_component<Loss>("all_pairs");
  std::shared_ptr<const Optimizer> optimizer = default_component<Optimizer>("adamw");
  std::shared_ptr<const Schedule> schedule = default_component<Schedule>("constant");
  Precision precision = Precision::f32;
  std::int64_t shard = default_shard;
  Output<Model> model;

  Layers layers;
  Shape image;
  std::optional<Trainer> trainer;
  std::optional<State> resumed;                                    // until there is a trainer
  std::optional<std::chrono::steady_clock::time_point> last_step;  // of this epoch
};

}  // namespace

TWINFLOW_NODE("twin.train", Train)

}  // namespace twinflow::twin
