#include "plugins/data/idx_file.h"

#include <doctest/doctest.h>

#include "fake_idx.h"
#include "fake_omniglot.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::data;
using fake::idx;

namespace {

/// What reading those bytes says after the file's name; "" when they are read.
std::string said(const std::string& bytes, std::size_t dimensions = 3, std::size_t most = 1000) {
  const TempFolder temp;
  const std::string file = temp.write("file", bytes);
  const std::string what = fake::error_of([&] { IdxFile(file, dimensions, most).read(); });
  if (what.empty()) return "";
  REQUIRE(what.starts_with(file + " "));
  return what.substr(file.size() + 1);
}

}  // namespace

TEST_CASE("idx: images and labels, plain and compressed") {
  const TempFolder temp;
  const std::string images = idx(2051, {2, 1, 3}, "abcdef"), labels = idx(2049, {2}, "\1\2");
  for (const bool packed : {false, true}) {
    IdxFile three(temp.write("i", packed ? fake::gzip(temp, images) : images), 3);
    CHECK(three.shape() == std::vector<std::size_t>{2, 1, 3});
    CHECK(three.size() == 6);
    const std::vector<std::uint8_t> values = three.read();
    CHECK(std::string(values.begin(), values.end()) == "abcdef");
    IdxFile one(temp.write("l", packed ? fake::gzip(temp, labels) : labels), 1);
    CHECK(one.shape() == std::vector<std::size_t>{2});
    CHECK(one.read() == std::vector<std::uint8_t>{1, 2});
  }
}

TEST_CASE("idx: what a file cannot hold is refused before it is read") {
  const TempFolder temp;
  const std::string file = temp.write("f", idx(2051, {1000, 10, 10}, "few"));
  CHECK(fake::error_of([&] { IdxFile(file, 3); }) ==
        file + " is cut short: 3 bytes of 100000 (1000 x 10 x 10) are there");
  const std::string packed = fake::gzip(temp, idx(2051, {1000, 32, 32}, "few"));
  temp.write("f", packed);
  CHECK(fake::error_of([&] { IdxFile(file, 3); }) ==
        file + " claims to hold 1024000 bytes (1000 x 32 x 32), which its " + std::to_string(packed.size()) +
            " compressed bytes cannot be");
  temp.write("f", fake::gzip(temp, idx(2051, {1000, 32, 32}, std::string(1024000, 'a'))));  // the densest
  CHECK(IdxFile(file, 3).read().size() == 1024000);
}

TEST_CASE("idx: every rule of the format") {
  CHECK(said("") == "is no IDX file: it has not even the 4 bytes of the magic number");
  CHECK(said("\x89PNG\r\n\x1a\n") == "is no IDX file: it begins with 89504e47 instead of 00000803");
  CHECK(said(idx(2049, {1}, "a")) == "has 1 dimensions; expected 3, images x height x width");
  CHECK(said(idx(2051, {1, 1, 1}, "a"), 1) == "has 3 dimensions; expected 1, one label for each image");
  CHECK(said(idx(0xd03, {1, 1, 1}, "abcd")) == "holds values of type 0x0d; expected bytes, type 0x08");
  CHECK(said(idx(2051, {1, 1}, "abc")) == "is cut short within its dimensions");
  CHECK(said(idx(2051, {2, 0, 3}, "")) == "is empty: it holds 2 x 0 x 3 values");
  CHECK(said(idx(2051, {0, 1, 1}, "")) == "is empty: it holds 0 x 1 x 1 values");
  CHECK(said(idx(2051, {2, 1, 3}, "abcde")) == "is cut short: 5 bytes of 6 (2 x 1 x 3) are there");
  CHECK(said(idx(2051, {2, 1, 3}, "")) == "is cut short: 0 bytes of 6 (2 x 1 x 3) are there");
  CHECK(said(idx(2051, {2, 1, 3}, "abcdefg")) == "goes on after the 6 bytes (2 x 1 x 3) that it should hold");
  CHECK(said(idx(2049, {2}, "abc"), 1) == "goes on after the 2 bytes (2) that it should hold");
}

TEST_CASE("idx: what dimensions claim is not believed") {
  CHECK(said(idx(2051, {10, 10, 10}, std::string(1000, 'x'))) == "");
  CHECK(said(idx(2051, {10, 10, 11}, std::string(1100, 'x'))) ==
        "claims to hold 10 x 10 x 11 bytes, more than the 1000 that are read");
  CHECK(said(idx(2051, {0xffffffff, 32767, 32767}, "a"), 3, std::size_t{1} << 32) ==
        "claims to hold 4294967295 x 32767 x 32767 bytes, more than the 4294967296 that are read");
  CHECK(said(idx(2051, {1, 1, 32768}, "a"), 3, std::size_t{1} << 32) ==
        "claims to hold images of 1 x 32768 pixels; expected at most 32767 a side");
  CHECK(said(idx(2049, {0xffffffff}, "a"), 1, std::size_t{1} << 32) ==  // 4 GiB: no memory is taken for them
        "is cut short: 1 bytes of 4294967295 (4294967295) are there");
}

TEST_CASE("idx: compressed files are held to the same, and their checksum is verified") {
  const TempFolder temp;
  std::string noise(600, ' ');
  Random random(1, 2, 3);
  for (char& one : noise) one = static_cast<char>(random.below(256));
  const std::string whole = fake::gzip(temp, idx(2051, {6, 10, 10}, noise));
  CHECK(said(whole) == "");
  CHECK(said(fake::gzip(temp, idx(2051, {6, 10, 10}, noise + "x"))) ==
        "goes on after the 600 bytes (6 x 10 x 10) that it should hold");
  CHECK(said(fake::gzip(temp, idx(2051, {7, 10, 10}, noise))) ==
        "is cut short: 600 bytes of 700 (7 x 10 x 10) are there");
  CHECK(said(whole.substr(0, 300)) == "is cut short: its compressed data do not end");
  CHECK(said(whole.substr(0, whole.size() - 1)) == "is cut short: its compressed data do not end");
  std::string flipped = whole;
  flipped[300] ^= 1;  // noise is stored as it is: unpacking goes on as if nothing was
  CHECK(said(flipped).find("incorrect data check") != std::string::npos);
}

TEST_CASE("idx: files that cannot be read") {
  const TempFolder temp;
  const std::string none = (temp.path / "none").string();
  CHECK(fake::error_of([&] { IdxFile(none, 3); }) == none + " cannot be opened: No such file or directory");
  CHECK(fake::error_of([&] { IdxFile(temp.path, 3); }) == temp.path.string() + " is a folder, not a file");
}

TEST_CASE("idx: whatever is cut off or flipped, it is read or refused") {
  const TempFolder temp;
  const std::string plain = idx(2051, {3, 2, 2}, "abcdefghijkl"), packed = fake::gzip(temp, plain);
  Random random(1, 2, 3);
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    std::string bytes = random.coin(0.5) ? plain : packed;
    if (random.coin(0.2)) bytes.resize(random.below(bytes.size()));
    for (std::uint64_t flips = random.below(3); flips > 0 && !bytes.empty(); --flips)
      bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
    refused += !said(bytes).empty();  // lets through any other exception
  }
  CHECK(refused > 300);
  CHECK(refused < 900);
}
