#include "plugins/data/collection.h"

#include <doctest/doctest.h>

#include "fake_omniglot.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::data;
using fake::error_of;
using fake::text;

namespace {

std::string listing(const Collection& collection) {
  std::string all;
  for (const File& file : collection.files)
    all += file.name + "=" + std::string(file.bytes.begin(), file.bytes.end()) + ";";
  return all;
}

}  // namespace

TEST_CASE("a zip and the folder it unpacks to give the same files, sorted, without litter") {
  fake::TempFolder temp;
  const fake::Files files = {{"b/two", text("2")},      {"a/one", text("1")},
                             {"b/empty", {}},           {"__MACOSX/a/._one", text("x")},
                             {".DS_Store", text("x")},  {"a/Thumbs.db", text("x")},
                             {".git/config", text("x")}};
  const std::string expected = "a/one=1;b/empty=;b/two=2;";
  fake::write_zip(temp.path / "things.zip", files);
  CHECK(listing(read_collection(temp.path / "things.zip")) == expected);
  fake::write_folder(temp.path / "things", files);
  CHECK(listing(read_collection(temp.path / "things")) == expected);
  // the zip's own name as a folder in it makes no difference
  fake::write_zip(temp.path / "things.zip", files, "things/");
  CHECK(listing(read_collection(temp.path / "things.zip")) == expected);
}

TEST_CASE("a zip goes before a folder of the same name") {
  fake::TempFolder temp;
  CHECK_FALSE(find_collection(temp.path, "things").has_value());
  fake::write_folder(temp.path / "things", {});
  CHECK(find_collection(temp.path, "things") == temp.path / "things");
  fake::write_zip(temp.path / "things.zip", {});
  CHECK(find_collection(temp.path, "things") == temp.path / "things.zip");
}

TEST_CASE("names that lead elsewhere, or come twice, are refused") {
  fake::TempFolder temp;
  const std::string zip = (temp.path / "things.zip").string();
  const auto said = [&](const fake::Files& files) {
    fake::write_zip(zip, files);
    return error_of([&] { read_collection(zip); });
  };
  CHECK(said({{"../out", text("1")}}) == zip + ", '../out': points outside of the archive");
  CHECK(said({{"a/../../out", text("1")}}) == zip + ", 'a/../../out': points outside of the archive");
  CHECK(said({{"/etc/out", text("1")}}) == zip + ", '/etc/out': is not a plain relative path");
  CHECK(said({{"things//etc/out", text("1")}}) == zip + ", 'things//etc/out': is not a plain relative path");
  CHECK(said({{"x/a\\b", text("1")}}) == zip + ", 'x/a\\b': is not a plain relative path");
  CHECK(said({{"a", text("1")}, {"a", text("2")}}) == zip + ", 'a': is in it twice");
}

TEST_CASE("limits") {
  fake::TempFolder temp;
  const fake::Files files = {{"a", text("12345")}, {"b", text("123")}};
  const std::string zip = (temp.path / "things.zip").string(), folder = (temp.path / "things").string();
  fake::write_zip(zip, files);
  fake::write_folder(folder, files);
  for (const std::string& path : {zip, folder}) {
    CHECK(error_of([&] { read_collection(path, {.files = 2, .file_bytes = 5, .total_bytes = 8}); }) == "");
    CHECK(error_of([&] { read_collection(path, {.files = 1}); }) == path + " holds more than 1 files");
    CHECK(error_of([&] { read_collection(path, {.file_bytes = 4}); }) ==
          path + ", 'a': has 5 bytes, more than the 4 that a file may have here");
    CHECK(error_of([&] { read_collection(path, {.total_bytes = 7}); }) ==
          path + " holds more than 7 bytes unpacked");
    CHECK(
        error_of([&] {
          read_collection(path, {.memory = {7, "the machine has little"}});
        }) ==
        path +
            ", unpacked, needs 0.0 GB, but 0.0 GB are left (the machine has little): take a smaller set, or "
            "leave the run more memory");
  }
}

TEST_CASE("damaged zips are refused in a sentence that names them") {
  fake::TempFolder temp;
  const std::string zip = (temp.path / "things.zip").string();
  fake::Bytes noise(3000);  // cannot be packed: most of the zip is this
  Random random(1, 2, 3);
  for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random.below(256));
  fake::write_zip(zip, {{"a", noise}});
  const fake::Bytes whole = fake::read(zip);
  const auto said = [&](const fake::Bytes& bytes) {
    fake::write(zip, bytes);
    return error_of([&] { read_collection(zip); });
  };
  CHECK(said({}).starts_with(zip + " is not a whole zip file: "));
  CHECK(said(text("no zip at all")).starts_with(zip + " is not a whole zip file: "));
  CHECK(said({whole.begin(), whole.end() - 1}).starts_with(zip + " is not a whole zip file: "));
  fake::Bytes flipped = whole;
  flipped[whole.size() / 2] ^= 1;  // within the packed bytes of 'a'
  CHECK(said(flipped).starts_with(zip + ", 'a': is damaged: "));
  CHECK(said(whole) == "");
  CHECK(error_of([&] {
          read_collection(temp.path / "none.zip");
        }).starts_with((temp.path / "none.zip").string() + " is not a whole zip file: "));
}

TEST_CASE("whatever is cut off or flipped in a zip, it is read or refused") {
  fake::TempFolder temp;
  const std::string zip = (temp.path / "things.zip").string();
  fake::write_zip(zip, {{"a/one", text(std::string(300, 'x'))}, {"a/two", text("abcdefgh")}, {"empty", {}}});
  const fake::Bytes whole = fake::read(zip);
  Random random(1, 2, 3);
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    fake::Bytes bytes = whole;
    if (random.coin(0.3)) bytes.resize(random.below(bytes.size()));
    for (std::uint64_t flips = random.below(4); flips > 0 && !bytes.empty(); --flips)
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
    fake::write(zip, bytes);
    const std::string said = error_of([&] { read_collection(zip); });  // lets through any other exception
    if (said.empty()) continue;
    ++refused;
    CHECK(said.starts_with(zip));
  }
  CHECK(refused > 700);
  CHECK(refused < 1500);  // some had no change at all
}
