#include <doctest/doctest.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fake_omniglot.h"
#include "twinflow/dataset.h"
#include "twinflow/random.h"
#include "twinflow/testing.h"

using namespace twinflow;
using twinflow::testing::Bench;

namespace {

const std::string few =
    "classes = 20\nclasses_per_alphabet = 4\nsamples = 3\ntest_alphabets = 2\nvalidation_alphabets = 1\n";

Dataset output(const std::string& toml, const std::string& name, std::uint64_t seed = 1) {
  return Bench("data.glyphs", toml, seed).constant_output<Dataset>(name);
}

}  // namespace

TEST_CASE("alphabets are split into disjoint parts that share one store") {
  Bench bench("data.glyphs", few);
  const Dataset all = bench.constant_output<Dataset>("all"), train = bench.constant_output<Dataset>("train"),
                validation = bench.constant_output<Dataset>("validation"),
                test = bench.constant_output<Dataset>("test");
  CHECK(all.store->count() == 60);
  CHECK(all.store->height == 105);
  CHECK(all.store->width == 105);
  CHECK(all.groups.size() == 5);
  CHECK(all.classes.size() == 20);
  CHECK(all.group_word == "alphabet");
  CHECK(all.drawers.size() == 60);
  CHECK(train.groups == std::vector<std::string>{"alphabet01", "alphabet02"});
  CHECK(validation.groups == std::vector<std::string>{"alphabet03"});
  CHECK(test.groups == std::vector<std::string>{"alphabet04", "alphabet05"});
  CHECK(test.description == "generated glyphs, for testing: 2 alphabets, 8 classes, 24 images");
  std::set<std::size_t> images;
  for (const Dataset* part : {&train, &validation, &test}) {
    CHECK(part->store == all.store);
    for (const Dataset::Class& one : part->classes) {
      CHECK(one.images.size() == 3);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(images.insert(one.images[i]).second);
        CHECK(part->drawers[one.images[i]] == static_cast<int>(i));
      }
    }
  }
  CHECK(images.size() == 60);
}

TEST_CASE("a drawing depends on seed, node, alphabet, character and sample alone") {
  const Dataset all = output(few, "all");
  CHECK(output(few, "all").store->pixels == all.store->pixels);
  tbb::task_arena one_thread(1);
  one_thread.execute([&] { CHECK(output(few, "all").store->pixels == all.store->pixels); });
  CHECK(output(few, "all", 2).store->pixels != all.store->pixels);
  Bench other("data.glyphs", few);
  other.name = "other";
  CHECK(other.constant_output<Dataset>("all").store->pixels != all.store->pixels);

  // More samples, characters and alphabets leave those there are as they were.
  const Dataset more = output(
      "classes = 42\nclasses_per_alphabet = 7\nsamples = 5\ntest_alphabets = 1\nvalidation_alphabets = 1\n",
      "all");
  for (std::size_t alphabet = 0; alphabet < 5; ++alphabet)
    for (std::size_t character = 0; character < 4; ++character)
      for (std::size_t sample = 0; sample < 3; ++sample) {
        const auto a = all.store->kept(all.classes[4 * alphabet + character].images[sample]);
        const auto b = more.store->kept(more.classes[7 * alphabet + character].images[sample]);
        CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
      }
}

TEST_CASE("bright on black, or dark on white; grey at the edges; and never empty") {
  const Dataset bright = output(few, "all"), dark = output(few + "invert = false\n", "all");
  std::set<int> values;
  for (std::size_t i = 0; i < 60; ++i) {
    const auto a = bright.store->kept(i), b = dark.store->kept(i);
    double ink = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
      REQUIRE(a[k] == 255 - b[k]);
      ink += a[k] / 255.0;
      values.insert(a[k]);
    }
    CHECK(a[0] == 0);
    CHECK(ink > 100);  // of 11025 pixels
    CHECK(ink < 2000);
  }
  CHECK(values.size() > 100);
  CHECK(output(few + "size = 28\n", "all").store->width == 28);
}

TEST_CASE("what does not fit together is refused by the check") {
  const auto said = [](const std::string& toml) {
    return fake::error_of([&] { Bench("data.glyphs", toml); });
  };
  CHECK(said("classes = 30").find("30 classes do not make whole alphabets of 20") != std::string::npos);
  CHECK(said("test_alphabets = 20\nvalidation_alphabets = 10")
            .find("holding out 20 alphabets for test and 10 for validation leaves none of 30 to train on") !=
        std::string::npos);
  CHECK(said("test_alphabets = 30").find("leaves none of 30 to train on") != std::string::npos);
  CHECK(said("classes = 100000\nsamples = 1000")
            .find("100000 classes of 1000 samples would take 1027 GiB, more than 16") != std::string::npos);
  CHECK(said("size = 106").find("'size' is 106, out of range: 8 to 105 pixels") != std::string::npos);
  CHECK(fake::error_of([] {
          output("test_alphabets = 0\nvalidation_alphabets = 1\nclasses = 40", "test");
        }) == "the output 'test' is empty: test_alphabets is 0");
  CHECK(fake::error_of([] {
          output("test_alphabets = 1\nvalidation_alphabets = 0\nclasses = 40", "validation");
        }) == "the output 'validation' is empty: validation_alphabets is 0");
}

TEST_CASE(
    "the default set: nearest neighbour on pixels does badly at 20-way one-shot within a test alphabet") {
  for (const std::uint64_t seed : {1, 7})
    for (const std::string size : {"28", "105"}) {
      const Dataset test = output("size = " + size, "test", seed);
      CHECK(test.description == "generated glyphs, for testing: 10 alphabets, 200 classes, 4000 images");
      const auto alphabets = test.classes_by_group();
      Random random(9, 0, 0);
      int right = 0;
      constexpr int trials = 1000;
      for (int trial = 0; trial < trials; ++trial) {
        const std::vector<std::size_t>& alphabet = alphabets[random.below(alphabets.size())];
        REQUIRE(alphabet.size() == 20);
        const std::size_t answer = alphabet[random.below(20)];
        const std::vector<std::size_t> hands = random.choose(20, 2);
        const auto query = test.store->kept(test.classes[answer].images[hands[0]]);
        std::size_t guess = 0;
        long best = -1;
        for (const std::size_t one : alphabet) {
          const auto support = test.store->kept(test.classes[one].images[hands[1]]);
          long distance = 0;
          for (std::size_t i = 0; i < query.size(); ++i)
            distance += (query[i] - support[i]) * (query[i] - support[i]);
          if (best < 0 || distance < best) best = distance, guess = one;
        }
        right += guess == answer;
      }
      const double percent = 100.0 * right / trials;
      INFO("nearest neighbour on " << size << " x " << size << " pixels, seed " << seed << ": " << percent
                                   << " %");
      CHECK(percent < 45);  // the standard error is 1.6 points
      CHECK(percent > 15);
    }
}

TEST_CASE("data.glyphs can be split by hand, by class or by alphabet instead") {
  const auto part = [](const std::string& split, const std::string& output) {
    Bench bench("data.glyphs", "classes = 60\nsamples = 4\nsize = 12\nsplit = " + split);
    return bench.constant_output<Dataset>(output);
  };
  const std::string hands = "{ by = 'maker', validation = 0.25, test_names = ['0'] }";
  std::set<std::int32_t> seen;
  for (const auto& [output, of_class] : {std::pair("train", 2), {"validation", 1}, {"test", 1}}) {
    const Dataset data = part(hands, output);
    CHECK(data.classes.size() == 60);
    CHECK(data.image_count() == static_cast<std::size_t>(60 * of_class));
    std::set<std::int32_t> makers;
    for (const auto& one : data.classes)
      for (const std::size_t image : one.images) makers.insert(data.drawers[image]);
    for (const std::int32_t maker : makers) CHECK(seen.insert(maker).second);  // in one part only
    if (output == std::string("test")) CHECK(makers == std::set<std::int32_t>{0});
  }
  CHECK(seen.size() == 4);
  CHECK(part("{ by = 'group', test_names = ['alphabet02'] }", "test").groups ==
        std::vector<std::string>{"alphabet02"});
  CHECK(part("{ by = 'class', test = 0.5 }", "train").classes.size() == 30);
}

TEST_CASE("data.glyphs: the shape that the graph check is told is that of the images") {
  CHECK(Bench("data.glyphs").image_shape() == ImageShape{1, 105, 105});
  Bench bench("data.glyphs", few + "size = 35");
  const std::shared_ptr<const PixelStore> store = bench.constant_output<Dataset>("train").store;
  CHECK(bench.image_shape() == ImageShape{store->channels, store->height, store->width});
  CHECK(store->width == 35);
}
