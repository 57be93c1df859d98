#include "fingerprint.h"

#include <doctest/doctest.h>
#include <tbb/global_control.h>

#include <set>

using namespace twinflow;

namespace {

Dataset letters() {
  auto store = std::make_shared<PixelStore>();
  store->height = 1000;
  store->width = 1000;
  store->pixels.resize(4 * store->image_size());
  for (std::size_t i = 0; i < store->pixels.size(); ++i)
    store->pixels[i] = static_cast<std::uint8_t>(i * i >> 8);
  Dataset data;
  data.store = store;
  data.groups = {"latin", "greek"};
  data.classes = {{"a", 0, {0, 1}}, {"alpha", 1, {2}}};
  data.drawers = {1, 2, 1, 2};
  data.tasks = {{{0, 2}, {0, 1}, {1}, {0}}};
  data.pairs = {{0, 1, true}};
  return data;
}

std::string print_of(const Dataset& data) { return Fingerprints().of(data); }

}  // namespace

TEST_CASE("a fingerprint is a short text, the same each time and for any number of threads") {
  const std::string text = print_of(letters());
  CHECK(text.starts_with("3 images of 2 classes, xxh64 "));
  CHECK(text.size() == std::string("3 images of 2 classes, xxh64 ").size() + 16);
  CHECK(print_of(letters()) == text);
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  CHECK(print_of(letters()) == text);
}

TEST_CASE("whatever a run sees of a data set changes its fingerprint; what it is called does not") {
  Dataset same = letters();
  same.description = "another name";
  same.names = {"a", "b", "c", "d"};  // the pixels are there
  CHECK(print_of(same) == print_of(letters()));

  std::set<std::string> all{print_of(letters())};
  std::size_t made = 1;
  const auto differs = [&](const auto& change) {
    Dataset data = letters();
    auto store = std::make_shared<PixelStore>(*data.store);
    change(data, *store);
    data.store = store;
    all.insert(print_of(data));
    CHECK(all.size() == ++made);
  };
  differs([](Dataset& data, PixelStore&) { data.groups[0] = "roman"; });
  differs([](Dataset& data, PixelStore&) { data.groups = {"lating", "reek"}; });
  differs([](Dataset& data, PixelStore&) { data.classes[0].name = "b"; });
  differs([](Dataset& data, PixelStore&) { data.classes[1].group = 0; });
  differs([](Dataset& data, PixelStore&) { data.classes[0].images = {0, 3}; });
  differs([](Dataset& data, PixelStore&) { data.classes[0].images = {1, 0}; });
  differs([](Dataset& data, PixelStore&) { std::swap(data.classes[0], data.classes[1]); });
  differs([](Dataset& data, PixelStore&) { data.drawers[3] = 3; });
  differs([](Dataset& data, PixelStore&) { data.drawers.clear(); });
  differs([](Dataset& data, PixelStore&) { data.tasks.clear(); });
  differs([](Dataset& data, PixelStore&) { data.tasks[0].support = {0, 3}; });
  differs([](Dataset& data, PixelStore&) { data.tasks[0].ways = {1, 0}; });
  differs([](Dataset& data, PixelStore&) { data.tasks[0].queries = {2}; });
  differs([](Dataset& data, PixelStore&) { data.tasks[0].answers = {1}; });
  differs([](Dataset& data, PixelStore&) { data.pairs[0].same = false; });
  differs([](Dataset& data, PixelStore&) { data.pairs[0].right = 2; });
  for (const std::size_t at : {std::size_t{0}, std::size_t{1'500'000}, std::size_t{3'999'999}})
    differs([&](Dataset&, PixelStore& store) { store.pixels[at] ^= 1; });
  differs([](Dataset&, PixelStore& store) { std::swap(store.height, store.channels); });
  differs([](Dataset&, PixelStore& store) { store.decoded_count = 1; });
  differs([](Dataset&, PixelStore& store) {
    store.decoded_count = 1;
    store.decoded_hash = 7;
  });
  differs([](Dataset& data, PixelStore& store) {  // decoded when looked at: their names count
    store.decoded_count = 1;
    data.names = {"a", "b", "c", "d", "e"};
  });
}

TEST_CASE("parts of a data set share the hash of their pixels") {
  Fingerprints prints;
  Dataset data = letters();
  const std::string first = prints.of(data);
  const_cast<PixelStore&>(*data.store).pixels[0] ^= 1;  // is not looked at again
  CHECK(prints.of(data) == first);
}
