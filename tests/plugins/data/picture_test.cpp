#include "plugins/data/picture.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "fake_omniglot.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

constexpr int side = PictureForm::drawn;

std::string said_about(const fake::Bytes& bytes) {
  const Collection collection{"place/images.zip", {{"Greek/character01/0001_01.png", bytes}}};
  std::vector<std::uint8_t> to(side * side);
  return fake::error_of([&] { store_png(collection, collection.files[0], {}, to.data()); });
}

}  // namespace

TEST_CASE("each new pixel is the mean of what it covers, after inversion") {
  std::vector<std::uint8_t> paper(side * side, 255);
  paper[0] = paper[1] = paper[side] = 0;  // three of the nine pixels that the first of 35 x 35 covers
  paper[side * side - 1] = 100;
  std::vector<std::uint8_t> small(35 * 35);
  store_picture(paper.data(), {.size = 35, .invert = true}, small.data());
  CHECK(small[0] == 85);  // 3 * 255 / 9
  CHECK(small[1] == 0);
  CHECK(small.back() == 17);  // 155 / 9 = 17.2
  store_picture(paper.data(), {.size = 35, .invert = false}, small.data());
  CHECK(small[0] == 170);
  CHECK(small[1] == 255);
  CHECK(small.back() == 238);
}

TEST_CASE("at full size a PNG's pixels are stored as they are, or inverted") {
  const Collection collection{"images.zip", {{"x.png", fake::png(1)}}};  // rows 3 to 8 are dark
  std::vector<std::uint8_t> to(side * side);
  store_png(collection, collection.files[0], {.size = side, .invert = false}, to.data());
  CHECK(to[2 * side] == 255);
  CHECK(to[3 * side] == 0);
  CHECK(to[8 * side + 104] == 0);
  CHECK(to[9 * side] == 255);
  store_png(collection, collection.files[0], {.size = side, .invert = true}, to.data());
  CHECK(std::count(to.begin(), to.end(), 255) == 6 * side);
  CHECK(std::count(to.begin(), to.end(), 0) == 99 * side);
}

TEST_CASE("what is wrong with an image is said with its archive and its name") {
  const std::string where = "place/images.zip, 'Greek/character01/0001_01.png': ";
  const fake::Bytes good = fake::png(1);
  CHECK(said_about(good) == "");
  CHECK(said_about({}) == where + "the file is empty");
  CHECK(said_about(fake::text("GIF89a, more than long enough to have a header")) ==
        where + "this is not a PNG image");
  CHECK(said_about({good.begin(), good.begin() + 20}) == where + "this is not a PNG image");
  CHECK(said_about(fake::png(1, 28, 28)) == where + "the image is 28 x 28 pixels, not 105 x 105");
  CHECK(said_about(fake::png(1, 105, 106)) == where + "the image is 106 x 105 pixels, not 105 x 105");
  CHECK(said_about({good.begin(), good.begin() + 60}) ==
        where + "the PNG image is damaged: read beyond end of data");
  fake::Bytes flipped = good;
  flipped[flipped.size() - 14] ^= 0x10;  // the checksum of the last chunk with pixels
  CHECK(said_about(flipped) == where + "the PNG image is damaged: IDAT: CRC error");
}

TEST_CASE("whatever is cut off or flipped in a PNG, it is read or refused") {
  const fake::Bytes good = fake::png(1);
  Random random(1, 2, 3);
  int refused = 0;
  for (int round = 0; round < 1000; ++round) {
    fake::Bytes bytes = good;
    if (random.coin(0.3)) bytes.resize(random.below(bytes.size()));
    for (std::uint64_t flips = random.below(4); flips > 0 && !bytes.empty(); --flips)
      bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
    refused += !said_about(bytes).empty();  // lets through any other exception
  }
  CHECK(refused > 600);
  CHECK(refused < 1000);
}
