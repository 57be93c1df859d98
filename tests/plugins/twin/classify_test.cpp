#include <doctest/doctest.h>
#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <cmath>

#include "error_of.h"
#include "plugins/twin/one_shot.h"
#include "small_model.h"
#include "temp_folder.h"
#include "twinflow/dataset.h"
#include "twinflow/testing.h"

using namespace twinflow;
using namespace twinflow::twin;
using twinflow::testing::Bench;

namespace {

/// Sees an image of one pixel as its value.
Model values_model() { return model_of("[{type = 'relu'}]", {1, 1, 1}); }

struct Folder {
  std::string name;
  std::vector<std::uint8_t> values;  // of its images
};

/// As data.images reads folders: images are called FOLDER/VALUE.png.
Dataset folders(const std::string& description, const std::vector<Folder>& classes) {
  Dataset data;
  data.description = description;
  data.groups = {description};
  auto store = std::make_shared<PixelStore>();
  store->height = store->width = 1;
  for (const Folder& folder : classes) {
    data.classes.push_back({folder.name, 0, {}});
    for (const std::uint8_t value : folder.values) {
      data.classes.back().images.push_back(store->pixels.size());
      data.names.push_back(fmt::format("{}/{}.png", folder.name, value));
      store->pixels.push_back(value);
    }
  }
  data.store = store;
  return data;
}
Dataset animals() { return folders("animals", {{"cat", {0, 51}}, {"dog", {153}}, {"a, \"b\"", {255}}}); }

struct Classifier : Bench {
  TempFolder temp;
  Classifier(Dataset support, Dataset queries, const std::string& toml = "") : Bench("twin.classify", toml) {
    directory = temp.path;
    constant("support", std::move(support));
    constant("queries", std::move(queries));
  }
  std::string written(const Model& model = values_model()) {
    process(model);
    return read_file(temp.path / "bench.csv");
  }
  std::string error() {
    return error_of([&] { open(); });
  }
};

}  // namespace

TEST_CASE("classify writes a line for each query, in order, and says what it found") {
  // In fifths of the range: cat at 0 and 1 (from 1: mean 1/2; from 2: 3/2), dog at 3, "a, b" at 5.
  Classifier bench(animals(), folders("new", {{"new", {51, 204, 102, 255}}}));
  CHECK(bench.written() ==
        "image,class,score,margin,nearest\n"
        "new/51.png,cat,-0.1,0.3,cat\n"
        "new/204.png,dog,-0.2,0,dog\n"  // as far from the third class: the first is taken
        "new/102.png,dog,-0.2,0.1,dog\n"
        "new/255.png,\"a, \"\"b\"\"\",0,0.4,\"a, \"\"b\"\"\"\n");
  REQUIRE(bench.said.size() == 1);
  CHECK(bench.said[0] == "bench: 4 images classified, 0 unknown, 3 of 3 classes found: " +
                             (bench.temp.path / "bench.csv").string());
  REQUIRE(bench.reported.size() == 1);
  CHECK(bench.reported[0].second == Numbers{{"queries", 4}, {"unknown", 0}});
  CHECK(std::distance(std::filesystem::directory_iterator(bench.temp.path), {}) == 1);
}

TEST_CASE("classify measures the distance to several images of a class as it is told") {
  const auto line = [](const std::string& toml) {
    const std::string text = Classifier(animals(), folders("new", {{"x", {96}}}), toml).written();
    return text.substr(text.find('\n') + 1);
  };
  // Of 255: dog at 57, the cats at 96 and 45, their prototype at 96 - 25.5.
  CHECK(line("") == "x/96.png,dog,-0.223529,0.0529412,dog\n");
  CHECK(line("classify = 'prototype'") == "x/96.png,dog,-0.223529,0.0529412,dog\n");
  CHECK(line("classify = 'nearest'") == "x/96.png,cat,-0.176471,0.0470588,cat\n");
}

TEST_CASE("classify calls unknown what is too far from every class") {
  Classifier bench(animals(), folders("new", {{"new", {102, 204, 0}}}), "unknown_beyond = 0.15");
  CHECK(bench.written() ==
        "image,class,score,margin,nearest\n"
        "new/102.png,unknown,-0.2,0.1,dog\n"
        "new/204.png,unknown,-0.2,0,dog\n"
        "new/0.png,cat,-0.1,0.5,cat\n");
  CHECK(bench.said[0].starts_with("bench: 3 images classified, 2 unknown, 1 of 3 classes found: "));
  CHECK(bench.reported[0].second.at("unknown") == 2);

  // At the very distance an image still is of the class.
  const Dataset zero = folders("zero", {{"zero", {0}}, {"one", {255}}});
  CHECK(Classifier(zero, zero, "unknown_beyond = 0.0").written().find("unknown") == std::string::npos);
  // With one class it is told whether an image is of it.
  Classifier one(folders("cats", {{"cat", {0}}}), folders("new", {{"new", {0, 255}}}),
                 "unknown_beyond = 0.5");
  CHECK(one.written() ==
        "image,class,score,margin,nearest\nnew/0.png,cat,0,,cat\nnew/255.png,unknown,-1,,cat\n");
  CHECK(one.said[0].starts_with("bench: 2 images classified, 1 unknown, 1 of 1 class found: "));
}

TEST_CASE("classify refuses a threshold that makes every image unknown") {
  Classifier bench(animals(), animals(), "unknown_beyond = -0.2");
  CHECK_THROWS_WITH_AS(
      bench.process(values_model()),
      "unknown_beyond = -0.2, but the distance l1 of the model is never below 0: every image "
      "would be unknown",
      Error);
  // A distance that gives logits has such thresholds: here 0.5 |a - b| - 1, say.
  Classifier logits(animals(), animals(), "unknown_beyond = -0.2");
  logits.process(model_of("[{type = 'relu'}]", {1, 1, 1}, "weighted_l1"));
  CHECK(logits.reported.size() == 1);
}

TEST_CASE("classify tells the accuracy of queries that lie in folders of the support's classes") {
  Classifier bench(animals(), folders("test", {{"dog", {153, 140, 0}}, {"cat", {0}}, {"horse", {0, 10, 20}}}),
                   "unknown_beyond = 0.3");
  bench.written();
  const Numbers& numbers = bench.reported.at(0).second;
  CHECK(numbers.at("accuracy") == 0.75);
  CHECK(numbers.at("accuracy_low") == wilson_interval(3, 4).low);
  CHECK(numbers.at("accuracy_high") == wilson_interval(3, 4).high);
  CHECK(numbers.at("queries") == 7);
  REQUIRE(bench.said.size() == 2);
  CHECK(bench.said[1] == fmt::format("bench: {} of the 4 images in folders of these classes are classified "
                                     "rightly",
                                     value_text("accuracy", 0.75, numbers)));
  // What is unknown is not classified rightly.
  Classifier strict(animals(), folders("test", {{"dog", {153, 140, 0}}}), "unknown_beyond = 0.01");
  strict.written();
  CHECK(strict.reported.at(0).second.at("accuracy") == doctest::Approx(1.0 / 3));
}

TEST_CASE("classify tells no accuracy of queries without labels, whatever their folder is called") {
  Dataset queries = folders("dog", {{"", {153, 0}}});  // as data.images gives them
  Classifier bench(animals(), queries);
  bench.written();
  CHECK(!bench.reported.at(0).second.contains("accuracy"));
  CHECK(bench.said.size() == 1);
  Dataset grouped = animals();  // a group's name alone is no class's either
  grouped.groups = {"dog", "wild"};
  grouped.classes[2] = {"fox", 1, grouped.classes[2].images};
  Classifier groups(grouped, queries);
  groups.written();
  CHECK(!groups.reported.at(0).second.contains("accuracy"));
}

TEST_CASE("classify names classes by their groups where there are several") {
  Dataset support = folders("letters", {{"alpha", {0}}, {"alpha", {255}}});
  support.groups = {"Greek", "Coptic"};
  support.classes[1].group = 1;
  Dataset queries = folders("Coptic", {{"alpha", {255, 0}}});
  Classifier bench(support, queries);
  CHECK(bench.written() ==
        "image,class,score,margin,nearest\n"
        "alpha/255.png,Coptic/alpha,0,1,Coptic/alpha\nalpha/0.png,Greek/alpha,0,1,Greek/alpha\n");
  CHECK(bench.reported.at(0).second.at("accuracy") == 0.5);
  queries.groups = {"new"};  // alpha of which?
  CHECK(Classifier(support, queries).written() == read_file(bench.temp.path / "bench.csv"));
}

TEST_CASE("images that are of no file are called by their number") {
  Dataset queries = folders("new", {{"new", {0, 255}}});
  queries.names.clear();
  queries.classes[0].images = {1, 0};
  CHECK(Classifier(animals(), queries).written().find("\n1,\"a, \"\"b\"\"\",0,") != std::string::npos);
}

TEST_CASE("classify gives the same bytes for 1, 2 and 8 threads, in parts and across a resume") {
  std::vector<std::uint8_t> many;
  for (int i = 0; i < 2500; ++i) many.push_back(static_cast<std::uint8_t>(i * 37 % 256));
  const Model model = model_of("[{type = 'dense', units = 5}]", {1, 1, 1}, "l2");
  std::string first;
  for (const int threads : {1, 2, 8}) {
    const tbb::global_control allowed(tbb::global_control::max_allowed_parallelism,
                                      static_cast<std::size_t>(threads));
    tbb::task_arena(threads).execute([&] {
      Classifier bench(animals(), folders("new", {{"new", many}}));
      const std::string text = bench.written(model);
      CHECK(std::count(text.begin(), text.end(), '\n') == 2501);
      if (first.empty()) first = text;
      CHECK(text == first);
    });
  }
  Classifier again(animals(), folders("new", {{"new", many}}));
  again.restore(again.save());
  CHECK(again.written(model) == first);
}

TEST_CASE("classify reports a collapse, not an accuracy") {
  Classifier bench(folders("grey", {{"a", {7}}, {"b", {7}}}), folders("new", {{"a", {7}}}));
  bench.written();
  CHECK(std::isnan(bench.reported.at(0).second.at("accuracy")));
  CHECK(std::isnan(bench.reported.at(0).second.at("accuracy_low")));
  CHECK(bench.said.at(0) ==
        "bench: all images have the same pixels, so that no model can tell them apart: look at the files");
  CHECK(bench.said.size() == 2);
  Classifier collapsed(animals(), animals());
  collapsed.written(model_of("[{type = 'clip', low = 2.0, high = 3.0}]", {1, 1, 1}));
  CHECK(std::isnan(collapsed.reported.at(0).second.at("accuracy")));
  CHECK(collapsed.said.at(0) == "bench: the model has collapsed: it tells no image from another");
}

TEST_CASE("classify sends the images through the maps that are named") {
  Bench stretch("augment.normalize", "mode = 'fixed'\nmean = [0.0]\nstd = [0.5]");
  Classifier bench(animals(), folders("new", {{"new", {51}}}));
  bench.pass_through("through", stretch);
  CHECK(bench.written().find("new/51.png,cat,-0.2,0.6,cat\n") != std::string::npos);
}

TEST_CASE("classify refuses what it cannot work with, before anything runs") {
  const Dataset some = folders("new", {{"new", {1}}});
  CHECK(Classifier(folders("cats", {{"cat", {0}}}), some).error() ==
        "support: 'cats' has but one class, 'cat', so that every image would be of it: give images of "
        "further classes, or say unknown_beyond");
  CHECK(
      Classifier(folders("faces", {{"", {0, 1}}}), some, "unknown_beyond = 1.0").error() ==
      "support: nobody knows what the images of 'faces' show: lay those of a class into a folder of its own");
  CHECK(Classifier(Dataset{}, some).error() == "support: the data set '' has no images in classes");
  Dataset listed;
  listed.description = "signatures";
  listed.pairs = {{0, 1, true}};
  CHECK(Classifier(animals(), listed).error() ==
        "queries: the data set 'signatures' has no images in classes; it is a list of pairs");
  Dataset color = some;
  auto store = std::make_shared<PixelStore>(*some.store);
  store->channels = 3, store->pixels.resize(3);
  color.store = store;
  CHECK(Classifier(animals(), color).error() ==
        "the images of support, 'animals', are 1x1x1, but those of queries, 'new', are 3x1x1");
  CHECK(Classifier(folders("f", {{"unknown", {0}}, {"x", {1}}}), some, "unknown_beyond = 1.0").error() ==
        "support: a class of 'f' is called \"unknown\", as images of no class are: rename it");
  CHECK(Classifier(folders("f", {{"unknown", {0}}, {"x", {1}}}), some).error() == "");

  Classifier other(animals(), some);
  other.open();
  CHECK_THROWS_WITH_AS(other.process(small_model()),
                       "the model is for images of 1x6x6, but these are 1x1x1; read them with size = 6",
                       Error);
  const FedInput model{"model", typeid(Model), ImageShape{1, 20, 20}};
  CHECK_THROWS_AS(Bench("twin.classify", "", 1, {model, {"queries", typeid(Dataset), ImageShape{3, 20, 20}}}),
                  Error);
}
