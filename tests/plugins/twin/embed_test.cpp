#include <doctest/doctest.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <functional>
#include <limits>

#include "plugins/twin/npy.h"
#include "program.h"
#include "small_model.h"
#include "twinflow/dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

/// Two groups, three classes of four images of 6 x 6; the names ask for quotes.
std::shared_ptr<const PixelStore> store() {
  static const auto made = [] {
    auto all = std::make_shared<PixelStore>();
    all->height = all->width = 6;
    for (std::size_t i = 0; i < 12 * 36; ++i) all->pixels.push_back(static_cast<std::uint8_t>(i * 37 % 251));
    return all;
  }();
  return made;
}
Dataset letters() {
  Dataset data;
  data.description = "letters";
  data.store = store();
  data.groups = {"Greek", "A, \"B\""};
  data.classes = {{"alpha", 0, {0, 1, 2, 3}}, {"be,ta", 0, {4, 5, 6, 7}}, {"alpha", 1, {8, 9, 10, 11}}};
  for (int i = 0; i < 12; ++i) data.drawers.push_back(i % 4);
  return data;
}

/// As sample.all gives them out, in batches of five.
ImageBatch batch(std::size_t index) {
  ImageBatch made;
  std::vector<Shot> shots;
  for (std::size_t i = 5 * index; i < std::min<std::size_t>(5 * index + 5, 12); ++i) {
    shots.push_back({i});
    made.classes.push_back(static_cast<std::int32_t>(i / 4));
  }
  made.images = Images(store(), std::move(shots));
  return made;
}

struct Embedder : Bench {
  explicit Embedder(const TempFolder& temp) : Bench("twin.embed") {
    directory = temp.path;
    constant("data", letters());
  }
  void take(std::size_t index, const Model& model) {
    process(Inputs<ImageBatch, Model>{batch(index), model}, {.index = index});
  }
};

const char* const index_text =
    "row,class,group,image,drawer\n"
    "0,alpha,Greek,0,0\n1,alpha,Greek,1,1\n2,alpha,Greek,2,2\n3,alpha,Greek,3,3\n"
    "4,\"be,ta\",Greek,4,0\n5,\"be,ta\",Greek,5,1\n6,\"be,ta\",Greek,6,2\n7,\"be,ta\",Greek,7,3\n"
    "8,alpha,\"A, \"\"B\"\"\",8,0\n9,alpha,\"A, \"\"B\"\"\",9,1\n10,alpha,\"A, \"\"B\"\"\",10,2\n"
    "11,alpha,\"A, \"\"B\"\"\",11,3\n";

/// What the .npy file has to be.
std::string expected(const Model& model) {
  std::string all = npy_header(12, 3);
  for (std::size_t b = 0; b < 3; ++b) {
    Images images = batch(b).images;
    images.read();
    const Embeddings made = model.embed(images);
    all.append(reinterpret_cast<const char*>(made.values.data()), made.values.size() * sizeof(float));
  }
  return all;
}

}  // namespace

TEST_CASE("embed writes a row and a line for each image, and begins anew in every epoch") {
  const TempFolder temp;
  const Model model = small_model();
  Embedder bench(temp);
  for (int epoch = 0; epoch < 2; ++epoch) {
    for (const std::size_t index : {0, 1, 2}) bench.take(index, model);
    CHECK(std::filesystem::exists(temp.path / "bench.npy.part"));
    CHECK(std::filesystem::exists(temp.path / "bench.npy") == (epoch > 0));
    bench.finish_epoch();
    CHECK(read_file(temp.path / "bench.npy") == expected(model));
    CHECK(read_file(temp.path / "bench.csv") == index_text);
    CHECK(!std::filesystem::exists(temp.path / "bench.npy.part"));
    CHECK(bench.said.back() ==
          "bench: 12 embeddings of 3 numbers: " + (temp.path / "bench.npy").string() + ", bench.csv");
  }
  bench.finish_epoch();  // of nothing
  bench.close();
  CHECK(read_file(temp.path / "bench.npy") == expected(model));
  CHECK(bench.said.size() == 2);
}

TEST_CASE("numpy reads what embed wrote") {
  const TempFolder temp;
  Embedder bench(temp);
  for (const std::size_t index : {0, 1, 2}) bench.take(index, small_model());
  bench.finish_epoch();
  temp.write("read.py",
             "import sys\ntry:\n  import numpy\nexcept ImportError:\n  sys.exit(77)\n"
             "a = numpy.load('bench.npy')\nprint(a.shape, a.dtype, a.flags['C_CONTIGUOUS'])\n"
             "a.tofile('raw')\n");
  const Finished python = ::Process(temp, "/usr/bin/python3", {"read.py"}).wait();
  if (python.exit_code == 127 || python.exit_code == 77) {
    MESSAGE("skipped: there is no /usr/bin/python3 with numpy");
    return;
  }
  CHECK(python.errors == "");
  CHECK(python.output == "(12, 3) float32 True\n");
  CHECK(read_file(temp.path / "raw") == expected(small_model()).substr(128));
}

TEST_CASE("embed's files are those of an undisturbed run after a kill at any item") {
  const Model model = small_model();
  for (const std::size_t saved_after : {0, 1, 2, 3})
    for (const std::size_t killed_after : {0, 1, 2, 3, 4}) {  // 4: the epoch has ended, but was not saved
      if (killed_after < saved_after) continue;
      CAPTURE(saved_after);
      CAPTURE(killed_after);
      const TempFolder temp;
      State state;
      {
        Embedder bench(temp);
        bench.open();
        state = bench.save();
        for (std::size_t i = 0; i < std::min<std::size_t>(killed_after, 3); ++i) {
          bench.take(i, model);
          if (i + 1 == saved_after) state = bench.save();
        }
        if (killed_after == 4) bench.finish_epoch();
        bench.close();
      }
      Embedder bench(temp);
      bench.restore(state);
      for (std::size_t i = saved_after; i < 3; ++i) bench.take(i, model);
      bench.finish_epoch();
      CHECK(read_file(temp.path / "bench.npy") == expected(model));
      CHECK(read_file(temp.path / "bench.csv") == index_text);
    }
}

TEST_CASE("embeddings that are missing when a run is resumed are reported, and the files begin anew") {
  const Model model = small_model();
  for (const char* missing : {"bench.npy.part", "bench.csv.part"}) {
    CAPTURE(missing);
    const TempFolder temp;
    State state;
    {
      Embedder bench(temp);
      bench.take(0, model);
      state = bench.save();
      bench.close();
    }
    std::filesystem::remove(temp.path / missing);
    Embedder bench(temp);
    bench.restore(state);
    CHECK(bench.save().values == state.values);  // nothing has happened yet
    for (const std::size_t i : {1, 2}) bench.take(i, model);
    bench.finish_epoch();
    CHECK(bench.said.at(0) ==
          "bench: the first 5 embeddings of this epoch are not in the run directory any "
          "more: " +
              (temp.path / "bench.npy").string() + " begins anew, without them");
    CHECK(read_file(temp.path / "bench.npy").substr(128) == expected(model).substr(128 + 5 * 3 * 4));
    CHECK(read_file(temp.path / "bench.csv")
              .starts_with("row,class,group,image,drawer\n0,\"be,ta\",Greek,5,1\n"));
    CHECK(!std::filesystem::exists(temp.path / missing));
  }
}

TEST_CASE("embed's bytes are the same for 1, 2 and 8 threads") {
  std::string first;
  for (const int threads : {1, 2, 8}) {
    const TempFolder temp;
    tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                static_cast<std::size_t>(threads));
    tbb::task_arena(threads).execute([&] {
      Embedder bench(temp);
      for (const std::size_t index : {0, 1, 2}) bench.take(index, small_model());
      bench.finish_epoch();
    });
    const std::string bytes = read_file(temp.path / "bench.npy");
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  }
}

TEST_CASE("images that a node has changed are known by their class alone") {
  const TempFolder temp;
  Embedder bench(temp);
  ImageBatch changed = batch(1);
  changed.images.read();
  bench.process(Inputs<ImageBatch, Model>{changed, small_model()});
  bench.finish_epoch();
  CHECK(read_file(temp.path / "bench.csv") ==
        "row,class,group,image,drawer\n0,\"be,ta\",Greek,,\n1,\"be,ta\",Greek,,\n2,\"be,ta\",Greek,,\n"
        "3,alpha,\"A, \"\"B\"\"\",,\n4,alpha,\"A, \"\"B\"\"\",,\n");
}

TEST_CASE("embed names what does not fit") {
  const TempFolder temp;
  const auto failure = [&](ImageBatch images, const Model& model,
                           const std::function<void(Dataset&)>& change = {}) {
    Bench bench("twin.embed");
    bench.directory = temp.path;
    Dataset data = letters();
    if (change) change(data);
    bench.constant("data", data);
    try {
      bench.process(Inputs<ImageBatch, Model>{batch(0), small_model()});
      bench.process(Inputs<ImageBatch, Model>{std::move(images), model});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("none");
  };
  CHECK(failure(batch(1), small_model()) == "none");
  CHECK(failure(batch(1), small_model(), [](Dataset& data) {
          data.store = std::make_shared<PixelStore>(*store());
        }) == "the batches are not of 'letters', the data set given as \"data\"");
  CHECK(failure(batch(1), small_model(), [](Dataset& data) { data.classes.pop_back(); }) ==
        "row 8 is of no class of 'letters', the data set given as \"data\"");
  CHECK(failure(batch(1), model_of("[{type = 'dense', units = 7}]", {1, 6, 6})) ==
        "the rows of one file have 3 numbers, but this model gives 7");
  CHECK(
      failure(batch(1), model_of("[{type = 'dense', units = 3}]", {1, 6, 7})) ==
      "the network was built for images of 1x6x7, but these are 1x6x6; read them with height = 6, width = 7");
  Model broken = small_model();
  NamedTensors weights = *broken.weights;
  weights.tensors["2.dense.bias"].values[1] = std::numeric_limits<float>::infinity();
  broken.weights = std::make_shared<const NamedTensors>(weights);
  CHECK(failure(batch(1), broken) == "the embedding of row 5 holds what is not a finite number");
}
