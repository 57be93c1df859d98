#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "collapse.h"
#include "finite.h"
#include "last_good.h"
#include "presets.h"
#include "shape_hint.h"
#include "trainer.h"
#include "training_memory.h"
#include "twinflow/batch_form.h"
#include "twinflow/memory.h"
#include "twinflow/memory_need.h"
#include "twinflow/plugin.h"
#include "twinflow/start_files.h"
#include "twinflow/trace.h"
#include "twinflow/twin/model.h"

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

std::size_t class_count_of(const AnyBatch& batch) {
  const auto* classes = std::get_if<ImageBatch>(&batch);
  return classes ? classes->class_count : 0;
}

/// Trains a twin network: one branch that every image of a batch goes through. The network is built at the
/// first batch, whose image size it takes; at the end of each epoch, and in between if asked for, the model
/// as it is goes out.
class Train final : public Stateful<AnyBatch>, public CountsMemory, public LearnsFromBatches {
 public:
  static constexpr bool takes_share = true;
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
    spec.output("model", &Train::model)
        .doc("the network as it is at the end of each epoch, and after every `model_every` updates");
    spec.param("network", &Train::network)
        .doc("a network with a name, and changes to it; or write out `layer`");
    spec.param("layer", &Train::layer).doc("the layers of the network, in order: [[node.NAME.layer]]");
    reads_at_start("twin.train", "weights");
    spec.param("weights", &Train::weights)
        .doc(
            "a safetensors file to start from: tensors that match by name and shape are taken over, and what "
            "matched is said. For fine-tuning take a learning_rate of 1e-4 or less");
    spec.param("distance", &Train::distance).doc("how far apart two embeddings are");
    spec.param("loss", &Train::loss).doc("what training makes small");
    spec.param("proxies", &Train::proxies)
        .doc(
            "where given, each image is also to find its class among all of the data set, by the angle to a "
            "vector learned for each (layer 'proxies' for `tune`). Needs batches of classes and the distance "
            "cosine");
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
    spec.param("tune", &Train::tune)
        .doc(
            "layers to be trained otherwise, by their names: [[node.NAME.tune]] with learning rate scale, "
            "momentum, penalties, constraints, freezing");
    spec.param("clip_value", &Train::clip_value).doc("limit of each number of the gradient").min(1e-30);
    spec.param("clip_norm", &Train::clip_norm)
        .doc("limit of the length of each tensor's gradient")
        .min(1e-30);
    spec.param("clip_global_norm", &Train::clip_global_norm)
        .doc("limit of the length of the whole gradient")
        .min(1e-30);
    spec.param("accumulate", &Train::accumulate)
        .doc("batches whose mean gradient makes one update, also across the end of an epoch")
        .unit("batches")
        .range(1, 1e6);
    spec.param("micro_batch", &Train::micro_batch)
        .doc(
            "a larger batch goes through the network in parts of at most that size, but whole shards, "
            "forward twice, with the same result: less memory, more time")
        .unit("images")
        .range(1, 1e9);
    spec.param("shares", &Train::shares)
        .doc(
            "into how many parts a batch is cut that go through the network by themselves, on the ranks that "
            "train together; the same number gives the same bits for any number of ranks; 0: one for each "
            "rank")
        .range(0, 65536);
    spec.param("scale_learning_rate", &Train::scale_learning_rate)
        .names({{"none", Scale::none}, {"linear", Scale::linear}, {"sqrt", Scale::sqrt}})
        .doc(
            "with batch_per_rank: what the learning rate is multiplied by as there are more ranks. "
            "linear: their number (Goyal et al. 2017, for SGD), sqrt: its root (Malladi et al. 2022, for "
            "Adam and its kin). The schedule's warmup leads up to it");
    spec.param("model_every", &Train::model_every)
        .doc("how often the model goes out within an epoch, too; 0: only at the end of epochs")
        .unit("updates")
        .range(0, 1e9);
    spec.param("weight_average", &Train::weight_average)
        .doc(
            "decay of a moving average of the weights, as 0.999: the model that goes out is then the average")
        .range(0.0, 0.9999999);
    spec.reads("learning_rate_factor", &Train::rate_factor)
        .doc("of the learning rate, from a monitor such as monitor.plateau");
    spec.metric("loss", "of the batch, without penalties", Better::lower);
    spec.metric("proxy_loss", "of finding the classes' proxies, without its weight, where there are any",
                Better::lower);
    spec.metric("penalty", "what the penalties of `tune` add to the loss, where there are any",
                Better::lower);
    spec.metric(
        "pair_accuracy",
        "mean of the parts of same and of different pairs told rightly, from the loss's threshold, or the "
        "best of the batch where it has none",
        Better::higher);
    spec.metric("distance_same", "mean distance of pairs of one class");
    spec.metric("distance_different", "mean distance of pairs of two classes");
    spec.metric("gradient_norm", "length of the whole gradient of an update, before clipping");
    spec.metric("learning_rate", "of the update");
    spec.metric(
        "images_per_second",
        "trained, waiting for data included; not in the first step of an epoch or after a model went out");
    spec.metric("waiting", "part of the time in which training waited for data; likewise");
    spec.metric("waiting_for_ranks", "part of the time in which training waited for other ranks; likewise");
    spec.metric("messages", "part of the time in which messages between ranks were under way; likewise");
    spec.metric("megabytes_sent", "by the first rank to others, in the step; likewise");
    spec.prepared(&Train::prepared_by);
    spec.check(&Train::check);
    spec.writes({"NAME_last_good.safetensors"});
  }

  void check(const Checking& checking) const {
    if ((network == nullptr) == layer.empty())
      checking.error("network", network ? "network and layer are both given; only one of them can be"
                                        : "a network is needed: network = \"conv4\", or layers in `layer`");
    else
      check_network(checking);
    if (checking.fed_with<PairBatch>("batch") && !loss->takes_pairs())
      checking.error("loss",
                     "the loss " + loss->type + " needs batches of classes, but \"batch\" is fed with pairs");
    if (checking.fed_with<ImageBatch>("batch") && !loss->takes_classes())
      checking.error("loss",
                     "the loss " + loss->type + " needs batches of pairs, but \"batch\" is fed with classes");
    if (proxies && checking.fed_with<PairBatch>("batch"))
      checking.error("proxies", "proxies need batches of classes, but \"batch\" is fed with pairs");
    if (proxies && distance->type != "cosine")
      checking.error("proxies",
                     "proxies are compared by angles: they need the distance cosine, not " + distance->type);
    if (clip_value.has_value() + clip_norm.has_value() + clip_global_norm.has_value() > 1)
      checking.error(clip_value ? "clip_value" : "clip_norm",
                     "only one of clip_value, clip_norm and clip_global_norm can be given");
    if (const std::string why = schedule->needs_length(); checking.open_ended() && !why.empty())
      checking.error("schedule",
                     fmt::format("the schedule {} needs to know how long the run is ({}), and epochs are "
                                 "unlimited: say epochs = N or max_steps = N in [run], or take a schedule "
                                 "that goes on, such as constant or step",
                                 schedule->type, why));
    for (std::size_t i = 0; i < tune.size(); ++i)
      if (tune[i].momentum && !optimizer->has_momentum())
        checking.error_at({"tune", i, "momentum"}, "the optimizer " + optimizer->type + " has no momentum");
    if (loss->needs_logits() && !distance->gives_logits())
      checking.error("distance", "the loss " + loss->type +
                                     " needs a distance that gives logits, such as weighted_l1; " +
                                     distance->type + " does not");
    if (!loss->takes_logits() && distance->gives_logits())
      checking.error("distance", "the loss " + loss->type + " needs a distance from 0 upwards; " +
                                     distance->type + " gives logits");
  }

  void count_memory(MemoryNeed& need) override {
    if (!need.images || need.batch == 0) return;  // the first batch will tell
    count_training(recipe(), *need.images, need.batch, shares, need);
    counted = true;
  }

  void check_batches(const Checking& checking, const BatchForm& form) const override {
    if (form.classes < 2)
      checking.error("loss",
                     fmt::format("the loss {} compares images of two classes, but every batch is of one "
                                 "class: draw two or more classes a batch (classes_per_batch)",
                                 loss->type));
    else if (form.images_per_class < 2 && (!loss->takes_pairs() || !proxies))  // proxies stand for the others
      checking.error("loss",
                     fmt::format("the loss {} compares images of one class, but every batch has one image "
                                 "of each class: draw two or more (samples_per_class)",
                                 loss->type));
  }

  void open() override {
    resolve(precision);  // says what the processor lacks before any data is read
    if (run().ranks() || shares > 1) cut.emplace(shares, run().ranks(), run().batch_per_rank());
    const double ranks = run().batch_per_rank() ? run().ranks()->size() : 1;
    rate_scale = scale_learning_rate == Scale::none     ? 1.0
                 : scale_learning_rate == Scale::linear ? ranks
                                                        : std::sqrt(ranks);
    if (scale_learning_rate != Scale::none && ranks == 1)
      run().say(fmt::format(
          "{}: scale_learning_rate does nothing without several ranks and batch_per_rank = true", name()));
    if (rate_scale != 1.0)
      run().say(fmt::format(
          "{}: the learning rate is {:.4g} times the graph's, for a batch of each of {} ranks{}", name(),
          rate_scale, ranks,
          schedule->warmup > 0.0 ? "" : ", from the first update on: the schedule has no warmup"));
    if (weights.empty()) return;
    try {
      start = read_safetensors(weights);
    } catch (const Error& error) {
      missing = error.what();  // a run that is resumed needs them no more
    }
  }

  void process(AnyBatch batch, const Item& item) override {
    Ranks* const ranks = run().ranks();
    if (ranks && !run().batch_per_rank())
      std::visit([&](auto& kind) { take_share(kind, ranks->rank(), ranks->size()); }, batch);
    const Images& images = images_of(batch);
    if (images.count == 0) throw Error("the batch has no images");
    const Labels labels = labels_of(batch);
    if (!trainer) build(images, labels, class_count_of(batch));
    const auto began = std::chrono::steady_clock::now();
    const Trainer::Outcome done = step(images, labels);
    const auto end = std::chrono::steady_clock::now();
    Numbers values{{"loss", done.loss},
                   {"pair_accuracy", done.accuracy},
                   {"distance_same", done.same},
                   {"distance_different", done.different},
                   {"learning_rate", done.rate}};
    if (done.proxy_loss) values["proxy_loss"] = *done.proxy_loss;
    if (done.update) {
      values["gradient_norm"] = done.update->norm;
      if (!tune.empty()) values["penalty"] = done.update->penalty;
    }
    if (last_step) {
      const std::chrono::duration<double> all = end - *last_step, waited = began - *last_step;
      const double batches = run().batch_per_rank() ? ranks->size() : 1;
      values["images_per_second"] = batches * static_cast<double>(Trainer::images_of(labels)) / all.count();
      values["waiting"] = waited / all;
      if (ranks) {
        values["waiting_for_ranks"] = done.waited / all.count();
        values["messages"] = (ranks->busy() - busy_before) / all.count();
        values["megabytes_sent"] = 1e-6 * static_cast<double>(ranks->bytes_sent() - sent_before);
      }
    }
    last_step = end;
    if (ranks) {
      busy_before = ranks->busy();
      sent_before = ranks->bytes_sent();
    }
    report(item, values);
    if (done.collapsed != collapsed)
      run().say(done.collapsed
                    ? fmt::format("{}: since epoch {}, step {}, all images have the same embedding: {}",
                                  name(), item.epoch + 1, item.index + 1,
                                  all_alike(images)
                                      ? "they have the same pixels; look at the files and at what "
                                        "augmentation makes of them"
                                      : "the network has collapsed")
                    : fmt::format("{}: embeddings differ again", name()));
    collapsed = done.collapsed;
    const bool ends_epoch = item.index + 1 == run().steps_per_epoch();  // it goes out there anyway
    if (model_every > 0 && done.update && trainer->updates() % model_every == 0 && !ends_epoch)
      give_out(item);
  }

  State save() const override {
    if (trainer)
      return with_memory_for(
          [] { return "the copy of the weights and of the optimizer's memory that is saved"; },
          [&] { return trainer->save(); });
    return resumed ? *resumed : State();
  }
  void restore(const State& state) override {
    if (!state.values.empty()) resumed = state;
  }

  void finish_epoch(const Item& last) override {
    if (trainer && run().ranks()) trainer->compare_ranks();
    give_out(last);
  }

 private:
  void give_out(const Item& item) {
    last_step.reset();  // neither this nor what comes between the epochs is training
    if (!trainer || !model.used()) return;
    Model made = model_now();
    made.epoch = item.epoch;
    // A ReLU hides what is not a number from the loss.
    if (const std::string broken = not_finite(*made.weights); !broken.empty())
      fail(fmt::format("after update {} the weights '{}' are not finite numbers", made.step, broken));
    untried = GoodModel{made.weights, made.step};
    model.emit(std::move(made), item);
  }

  Trainer::Outcome step(const Images& images, const Labels& labels) {
    try {
      const Trainer::Outcome made = trainer->step(images, labels, rate_scale * rate_factor.get());
      if (untried) good = std::exchange(untried, std::nullopt);
      return made;
    } catch (const NotFinite& error) {
      fail(error.what());
    }
  }

  static std::string not_finite(const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors.tensors)
      if (!all_finite(tensor.values)) return name;
    return "";
  }

  /// Ends the run; the last good model is kept.
  [[noreturn]] void fail(const std::string& why) const {
    throw Error(why + keep_last_good(run(), good, name() + "_last_good.safetensors"));
  }

  /// Names of layers can be told apart; where the shape of the images is known, the layers fit it, and
  /// tunings fit the layers.
  void check_network(const Checking& checking) const {
    std::vector<std::string> names;
    try {
      check_names(layer);
      const std::optional<Shape> images = checking.image_shape("batch");
      if (!images) return;
      const Shape out = each_tensor(layers_now(), *images, [&](const std::string& tensor, const auto&) {
        if (names.empty() || names.back() != layer_of(tensor)) names.push_back(layer_of(tensor));
      });
      if (distance->weight_count(out.size()) > 0) names.push_back("distance");
      if (proxies) names.push_back("proxies");
    } catch (const LayerError& error) {
      checking.error_at(network ? std::vector<Checking::Step>{"network"} : error.place("layer"),
                        error.what());
      return;
    } catch (const Error& error) {
      checking.error(network ? "network" : "layer", error.what());
      return;
    }
    try {
      match_tunings(tune, names);
    } catch (const Error& error) {
      checking.error("tune", error.what());
    }
  }

  /// `batches`: of the run, and of an epoch; `classes`: of the training data. None of them changes what a
  /// training holds in memory.
  Recipe recipe(std::uint64_t batches = 1, std::uint64_t batches_per_epoch = 1,
                std::size_t classes = 0) const {
    return {layers_now(),
            distance,
            loss,
            optimizer,
            schedule,
            resolve(precision),
            shard,
            micro_batch,
            accumulate,
            batches,
            batches_per_epoch,
            tune,
            {clip_value, clip_norm, clip_global_norm},
            weight_average,
            proxies,
            classes};
  }

  /// What the graph did not tell before the first batch was there.
  void count_first_batch(const Labels& labels, std::size_t classes) {
    if (!counted) {
      MemoryNeed need;
      need.threads = run().threads();
      need.shared = run().ranks() && !run().batch_per_rank() ? run().ranks()->size() : 1;
      need.left = usable_memory().left;
      count_training(recipe(), image, Trainer::images_of(labels), shares, need);
      for (const MemoryPiece& piece : need.pieces) will_hold(run(), name(), piece);
    }
    const auto count = static_cast<double>(Trainer::images_of(labels));
    const double pairs = labels.pairs() ? 0.5 * count : 0.5 * count * (count - 1);
    will_hold(run(), name(),
              {fmt::format("the {:.3g} pairs of a batch", pairs),
               pairs * (sizeof(IndexPair) + 2 * sizeof(float)), "fewer images a batch"});
    if (!proxies) return;
    const std::size_t numbers = classes * output_shape(layers, image).size();
    // With their gradient, and, like what the optimizer keeps of them, in the state that is saved.
    will_hold(run(), name(),
              {"proxies", static_cast<double>(numbers * sizeof(float) * (3 + 2 * optimizer->slots())),
               "a smaller embedding"});
  }

  Layers layers_now() const { return network ? network->layers() : layer; }

  Model model_now() const {
    Model made;
    made.step = trainer->updates();
    made.distance = distance;
    made.layers = layers;
    made.image = image;
    made.precision = resolve(precision);
    made.prepared_by = prepared_by;
    with_memory_for([] { return "the copy of the weights that goes out as a model"; },
                    [&] { describe_weights(made, trainer->weights(), trainer->distance_weights()); });
    return made;
  }

  void build(const Images& images, const Labels& labels, std::size_t classes) {
    if (proxies && classes == 0)
      throw Error(
          "proxies need batches that number the classes of the whole data set, as those of sample.classes, "
          "sample.tasks and sample.all do");
    if (!missing.empty() && !resumed) throw Error(missing);
    const std::uint64_t batches = run().steps();
    if (batches < accumulate)
      throw Error(
          fmt::format("accumulate = {} is more than the {} batches of the run: there would be no update",
                      accumulate, batches));
    layers = layers_now();
    image = {images.channels, images.height, images.width};
    count_first_batch(labels, classes);
    with_memory_for([] { return "the network and what the optimizer keeps of it"; },
                    [&] {
                      trainer.emplace(
                          recipe(batches, run().steps_per_epoch(), classes), image,
                          [this](std::string_view purpose, std::uint64_t a, std::uint64_t b) {
                            return Random(stream_key(run().seed(), name(), purpose), a, b);
                          },
                          std::exchange(cut, std::nullopt));
                    });
    run().say(
        fmt::format("{}: images of {}, batches of {}{}, {}", name(), image.text(), Trainer::images_of(labels),
                    run().batch_per_rank() ? fmt::format(" on each of {} ranks", run().ranks()->size()) : "",
                    resolve(precision) == Precision::bf16 ? "bf16" : "f32"));
    if (batches != endless && batches % accumulate > 0)
      run().say(
          fmt::format("{}: the last {} batches make no update: accumulate = {} does not divide the run's {}",
                      name(), batches % accumulate, accumulate, batches));
    for (const std::string& line : trainer->summary(Trainer::images_of(labels), run().threads()))
      run().say(line);
    if (Tracer* trace = run().trace())
      trainer->profile([trace](const Ran& ran) {
        trace->slice(fmt::format("{} {}", ran.layer, ran.part), ran.begin, ran.end);
      });
    if (resumed) {
      trainer->restore(*resumed);
    } else if (!weights.empty()) {
      run().say(fmt::format("{} starts from {}: {}", name(), weights.string(),
                            trainer->start_from(start, weights.string()).text()));
      tell_other_channels();
    }
    resumed.reset();
    start = {};
  }

  /// Such weights are taken but for the layers that see the images: mostly color_mode was forgotten.
  void tell_other_channels() const {
    const auto trained = start.metadata.find("image");
    if (trained == start.metadata.end()) return;  // of another program
    const std::string& shape = trained->second;   // "1x52x52"
    std::size_t channels = 0;
    std::from_chars(shape.data(), shape.data() + shape.size(), channels);
    if (channels == image.channels) return;
    const std::string_view mode = color_mode_hint(channels);
    run().say(fmt::format(
        "{}: {} was trained on images of {}, but these are {}: what sees them learns anew{}{}", name(),
        weights.string(), shape, image.text(), mode.empty() ? "" : ", unless they are read with ", mode));
  }

  std::filesystem::path weights;
  std::shared_ptr<const Preset> network;  // or
  Layers layer;
  std::shared_ptr<const Distance> distance = default_component<Distance>("cosine");
  std::shared_ptr<const Loss> loss = default_component<Loss>("all_pairs");
  std::optional<ProxyTask> proxies;
  std::shared_ptr<const Optimizer> optimizer = default_component<Optimizer>("adamw");
  std::shared_ptr<const Schedule> schedule = default_component<Schedule>("constant");
  Precision precision = Precision::f32;
  std::size_t shard = default_shard, micro_batch = 1024, accumulate = 1, shares = 0;
  std::uint64_t model_every = 0;
  std::vector<Tuning> tune;
  enum class Scale { none, linear, sqrt } scale_learning_rate = Scale::none;
  std::optional<double> clip_value, clip_norm, clip_global_norm, weight_average;
  Reader rate_factor{1.0};
  std::string prepared_by;
  Output<Model> model;

  // Models that went out: one whose weights a later step has shown to be good, and one not used yet.
  std::optional<GoodModel> good, untried;
  NamedTensors start;   // of `weights`, until training starts
  std::string missing;  // why they cannot be read
  Layers layers;
  Shape image;
  std::optional<Shares> cut;  // until there is a trainer
  std::optional<Trainer> trainer;
  std::optional<State> resumed;                                    // until there is a trainer
  std::optional<std::chrono::steady_clock::time_point> last_step;  // of this epoch
  bool counted = false;                                            // count_memory() has known all it needs
  double rate_scale = 1.0, busy_before = 0.0;                      // seconds
  std::uint64_t sent_before = 0;                                   // bytes
  bool collapsed = false;
};

}  // namespace

TWINFLOW_NODE("twin.train", Train)

}  // namespace twinflow::twin
