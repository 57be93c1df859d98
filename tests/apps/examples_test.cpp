// The example that every type's description carries, run.

#include <fmt/format.h>

#include "../plugins/data/fake_idx.h"
#include "plan.h"
#include "plugins.h"
#include "plugins/data/fake_omniglot.h"
#include "program.h"
#include "registry.h"
#include "twinflow/tensors.h"

using namespace twinflow;

namespace {

/// Data where the example of data.omniglot looks for them: an alphabet of ten characters by four drawers, and
/// the official runs, which are fewer.
void write_omniglot(const std::filesystem::path& folder) {
  fake::Files images;
  for (int character = 1; character <= 10; ++character)
    for (int drawer = 1; drawer <= 4; ++drawer)
      images.emplace_back(fmt::format("Greek/character{0:02}/{0:04}_{1:02}.png", character, drawer),
                          fake::png(3 * character + drawer - 1));
  fake::write_folder(folder / "images_background", images);
  fake::write_folder(folder / "all_runs", fake::runs());
}

/// Images where the example of data.images looks for them: 15 classes, so that 9 are left to train on.
void write_faces(const std::filesystem::path& folder) {
  fake::Files images;
  for (int person = 1; person <= 15; ++person)
    for (int image = 1; image <= 3; ++image)
      images.emplace_back(fmt::format("person{}/{}.png", person, image),
                          fake::png(2 * person + image, 60, 50));
  fake::write_folder(folder, images);
}

/// A list of pairs where the example of data.pairs looks for it: 20 images in a ring.
void write_signatures(const TempFolder& temp) {
  std::string csv = "left,right,label\n";
  for (int i = 0; i < 20; ++i) {
    fake::write(temp.path / fmt::format("data/signatures/{}.png", i), fake::png(i, 60, 50));
    csv += fmt::format("{}.png,{}.png,{}\n", i, (i + 1) % 20, i % 2 == 0 ? "same" : "different");
  }
  temp.write("data/signatures/pairs.csv", csv);
}

/// Digits where the example of data.idx looks for them: four of each.
void write_digits(const TempFolder& temp) {
  std::string images(40 * 28 * 28, '\0'), labels(40, '\0');
  for (std::size_t i = 0; i < 40; ++i) {
    labels[i] = static_cast<char>(i % 10);
    images[i * 28 * 28 + 70 * (i % 10) + i / 10] = '\x7f';
  }
  temp.write("data/mnist/train-images-idx3-ubyte.gz",
             fake::gzip(temp, fake::idx(2051, {40, 28, 28}, images)));
  temp.write("data/mnist/train-labels-idx1-ubyte.gz", fake::gzip(temp, fake::idx(2049, {40}, labels)));
}

/// A model where the example of twin.load looks for it, as small.toml's would be: a dense layer, of zeros.
void write_model(const std::filesystem::path& file) {
  NamedTensors model;
  model.tensors["0.dense.weight"] = {{8, 400}, std::vector<float>(8 * 400)};
  model.tensors["0.dense.bias"] = {{8}, std::vector<float>(8)};
  model.metadata = {{"network", "[{ type = \"dense\", units = 8 }]"},
                    {"distance", "\"l2\""},
                    {"image", "1x20x20"},
                    {"precision", "f32"}};
  write_safetensors(file, model);
}

}  // namespace

TEST_CASE("the example of every type does what it says in a graph that runs") {
  PluginIndex::instance().load_all();
  std::vector<const TypeInfo*> types = Registry::instance().loaded();
  types.push_back(&table_info<RunSettings>());
  for (const TypeInfo* info : types) {
    CAPTURE(info->kind);
    CAPTURE(info->type);
    const TempFolder temp;
    temp.write("small.toml", read_file(TWINFLOW_SOURCE_DIR "/tests/apps/examples.toml"));
    temp.write("example.toml", "extends = \"small.toml\"\n" + info->example);
    write_omniglot(temp.path / "data/omniglot");
    write_faces(temp.path / "data/faces");
    write_signatures(temp);
    write_digits(temp);
    write_model(temp.path / "data/best.safetensors");
    const Finished run = flowrun(temp, {"example.toml", "--output", "run"});
    CHECK(run.errors.find("error") == run.errors.npos);  // a warning of nodes that others replace is fine
    CHECK(run.exit_code == 0);
    // The type really took part.
    const std::string ran = read_file(temp.path / "run/graph.toml");
    if (info->kind == "table")
      CHECK(ran.find(info->example.substr(0, info->example.find("steps_per_epoch"))) != std::string::npos);
    else
      CHECK(ran.find(fmt::format("type = \"{}\"", info->type)) != std::string::npos);
  }
}
