// A plugin whose nodes give out what contradicts itself, in every way that `lie` names.
#include <algorithm>
#include <functional>
#include <map>
#include <string>

#include "twinflow/answers.h"
#include "twinflow/dataset.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

/// Changes a value as the lie says; Error where there is no such lie.
template <class T>
void apply(const std::map<std::string, std::function<void(T&)>>& lies, const std::string& lie, T& value) {
  if (lie == "none") return;
  const auto found = lies.find(lie);
  if (found == lies.end()) throw Error("there is no lie '" + lie + "'");
  found->second(value);
}

/// Four images of 2 x 2 pixels.
PixelStore four_images() {
  PixelStore store;
  store.height = store.width = 2;
  store.pixels.assign(16, 7);
  return store;
}
std::shared_ptr<const PixelStore> shared(PixelStore store) {
  return std::make_shared<PixelStore>(std::move(store));
}

class Data final : public Constants {
 public:
  static void describe(NodeSpec<Data>& spec) {
    spec.summary("Makes a data set of two classes.");
    spec.param("lie", &Data::lie).doc("what is wrong with it");
    spec.output("all", &Data::all);
  }
  Dataset all() {
    Dataset data;
    data.groups = {"g"};
    data.classes = {{"a", 0, {0, 1}}, {"b", 0, {2, 3}}};
    data.store = shared(four_images());
    const auto store = [](auto change) {
      return [change](Dataset& one) {
        PixelStore made = four_images();
        change(made);
        one.store = shared(std::move(made));
      };
    };
    const auto task = [](auto change) {
      return [change](Dataset& one) {
        FewShotTask made{{0, 2}, {0, 1}, {1, 3}, {0, 1}};
        change(made);
        one.tasks = {{{0, 2}, {0, 1}, {1}, {0}}, std::move(made)};
      };
    };
    apply<Dataset>({{"no groups", [](Dataset& one) { one.groups.clear(); }},
                    {"a group beyond", [](Dataset& one) { one.classes[1].group = 77; }},
                    {"an image beyond", [](Dataset& one) { one.classes[1].images[0] = 4; }},
                    {"an empty class",
                     [](Dataset& one) {
                       one.classes.push_back({"c", 0, {}});
                     }},
                    {"a name twice", [](Dataset& one) { one.classes[1].name = "a"; }},
                    {"no store", [](Dataset& one) { one.store = nullptr; }},
                    {"half an image", store([](PixelStore& made) { made.pixels.resize(14); })},
                    {"no size", store([](PixelStore& made) { made.height = 0; })},
                    {"nothing decodes", store([](PixelStore& made) { made.decoded_count = 3; })},
                    {"few drawers",
                     [](Dataset& one) {
                       one.drawers = {1, 2};
                     }},
                    {"many names", [](Dataset& one) { one.names.resize(5); }},
                    {"a pair beyond",
                     [](Dataset& one) {
                       one.pairs = {{0, 1, true}, {1, 4, true}};
                     }},
                    {"no support", task([](FewShotTask& made) { made.support.clear(); })},
                    {"no queries", task([](FewShotTask& made) { made.queries.clear(); })},
                    {"few ways", task([](FewShotTask& made) { made.ways.pop_back(); })},
                    {"few answers", task([](FewShotTask& made) { made.answers.pop_back(); })},
                    {"a support beyond", task([](FewShotTask& made) { made.support[1] = 4; })},
                    {"a query beyond", task([](FewShotTask& made) { made.queries[1] = 6; })},
                    {"a negative way", task([](FewShotTask& made) { made.ways[0] = -1; })},
                    {"a way left out", task([](FewShotTask& made) { made.ways[1] = 2000000000; })},
                    {"an answer beyond", task([](FewShotTask& made) { made.answers[1] = 2; })}},
                   lie, data);
    return data;
  }

 private:
  std::string lie = "none";
};
TWINFLOW_NODE("unruly.data", Data)

/// Of images, whatever the batch.
const std::map<std::string, std::function<void(Images&)>> image_lies = {
    {"few images", [](Images& images) { images = Images(2, 1, 2, 2); }},
    {"many images", [](Images& images) { images = Images(8, 1, 2, 2); }},
    {"few pixels", [](Images& images) { images.pixels.resize(15); }},
    {"no pixels", [](Images& images) { images.pixels.clear(); }},
    {"too large a count", [](Images& images) { images.height = std::size_t{1} << 63; }},
    {"no height", [](Images& images) { images.height = 0; }},
    {"unread without a store",
     [](Images& images) {
       images.pixels.clear();
       images.shots.resize(4);
     }},
    {"few shots",
     [](Images& images) {
       images = Images(shared(four_images()), {{0}, {1}, {2}, {3}});
       images.shots.pop_back();
     }},
    {"a shot beyond",
     [](Images& images) {
       images = Images(shared(four_images()), {{0}, {1}, {2}, {4}});
     }},
    {"turned too far",
     [](Images& images) {
       images = Images(shared(four_images()), {{0}, {1}, {2}, {3, 4}});
     }},
    {"unlike its store",
     [](Images& images) {
       images = Images(shared(four_images()), {{0}, {1}, {2}, {3}});
       images.width = 3;
     }},
    {"a store that cannot decode",
     [](Images& images) {
       PixelStore store = four_images();
       store.decoded_count = 1;
       images = Images(shared(std::move(store)), {{0}, {1}, {2}, {4}});
     }},
};

ImageBatch four_classes() { return {Images(4, 1, 2, 2), {0, 0, 1, 1}, 2}; }
void tell_lie(const std::string& lie, ImageBatch& batch) {
  if (image_lies.contains(lie)) return apply(image_lies, lie, batch.images);
  apply<ImageBatch>({{"few classes", [](ImageBatch& one) { one.classes.pop_back(); }},
                     {"many classes", [](ImageBatch& one) { one.classes.resize(300); }},
                     {"a negative class", [](ImageBatch& one) { one.classes[0] = -5; }},
                     {"a class beyond", [](ImageBatch& one) { one.classes[0] = 2; }},
                     {"later images", [](ImageBatch& one) { one.first = 7; }},
                     {"empty",
                      [](ImageBatch& one) {
                        one.images = Images(0, 1, 2, 2);
                        one.classes.clear();
                      }}},
                    lie, batch);
}

class Batches final : public Source<ImageBatch> {
 public:
  static void describe(NodeSpec<Batches>& spec) {
    spec.summary("Makes batches of two classes.");
    spec.param("lie", &Batches::lie).doc("what is wrong with them");
  }
  ImageBatch make(const Item&) const override {
    ImageBatch batch = four_classes();
    std::fill(batch.images.pixels.begin(), batch.images.pixels.end(), 0.5f);
    tell_lie(lie, batch);
    return batch;
  }

 private:
  std::string lie = "none";
};
TWINFLOW_NODE("unruly.batches", Batches)

class Change final : public Map<AnyBatch, AnyBatch> {
 public:
  static void describe(NodeSpec<Change>& spec) {
    spec.summary("Changes batches of images.");
    spec.param("lie", &Change::lie).doc("what is wrong with them then");
  }
  AnyBatch apply(AnyBatch batch, const Item&) const override {
    tell_lie(lie, std::get<ImageBatch>(batch));
    return batch;
  }

 private:
  std::string lie = "none";
};
TWINFLOW_NODE("unruly.change", Change)

class Pairs final : public Source<PairBatch> {
 public:
  static void describe(NodeSpec<Pairs>& spec) {
    spec.summary("Makes batches of two pairs.");
    spec.param("lie", &Pairs::lie).doc("what is wrong with them");
  }
  PairBatch make(const Item&) const override {
    PairBatch batch{Images(4, 1, 2, 2), {0, 1}};
    std::fill(batch.images.pixels.begin(), batch.images.pixels.end(), 0.5f);
    if (image_lies.contains(lie)) {
      ::apply(image_lies, lie, batch.images);
      return batch;
    }
    ::apply<PairBatch>({{"few labels", [](PairBatch& one) { one.labels.pop_back(); }},
                        {"a label beyond", [](PairBatch& one) { one.labels[1] = 2; }},
                        {"an odd label of same", [](PairBatch& one) { one.label_of_same = 9; }}},
                       lie, batch);
    return batch;
  }

 private:
  std::string lie = "none";
};
TWINFLOW_NODE("unruly.pairs", Pairs)

/// What leaves a stateful node.
class Answers final : public Stateful<AnyBatch> {
 public:
  static void describe(NodeSpec<Answers>& spec) {
    spec.summary("Gives out wrong answers.");
    spec.param("lie", &Answers::lie).doc("what is wrong with them");
    spec.output("wrong", &Answers::wrong);
  }
  void process(AnyBatch, const Item& item) override {
    WrongAnswers made;
    made.store = shared(four_images());
    made.answers = {{.query = 0, .right = {1}, .given = {2, 3}}};
    ::apply<WrongAnswers>({{"no store", [](WrongAnswers& one) { one.store = nullptr; }},
                           {"a query beyond", [](WrongAnswers& one) { one.answers[0].query = 4; }},
                           {"an image beyond", [](WrongAnswers& one) { one.answers[0].given[1] = 9; }}},
                          lie, made);
    wrong.emit(std::move(made), item);
  }

 private:
  std::string lie = "none";
  Output<WrongAnswers> wrong;
};
TWINFLOW_NODE("unruly.answers", Answers)

template <class In>
class Drop final : public Sink<In> {
 public:
  static void describe(NodeSpec<Drop>& spec) { spec.summary("Drops what it gets."); }
  void process(In, const Item&) override {}
};
TWINFLOW_NODE("unruly.drop", Drop<AnyBatch>)
TWINFLOW_NODE("unruly.drop_answers", Drop<WrongAnswers>)

class Use final : public Source<ImageBatch> {
 public:
  static void describe(NodeSpec<Use>& spec) {
    spec.summary("Makes batches, and knows a data set.");
    spec.input("data", &Use::data).doc("what is validated before it comes here");
  }
  void open() override { run().say(std::to_string(data->image_count())); }
  ImageBatch make(const Item&) const override { return four_classes(); }

 private:
  std::shared_ptr<const Dataset> data;
};
TWINFLOW_NODE("unruly.use", Use)

}  // namespace

TWINFLOW_PLUGIN("unruly", "1", "nobody", "Gives out what is wrong.")
