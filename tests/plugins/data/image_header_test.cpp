#include "plugins/data/image_header.h"

#include "pictures.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

/// "5 x 3, 4 bytes", or "none".
std::string told(const fake::Bytes& file) {
  const auto header = image_header(file);
  if (!header) return "none";
  return std::to_string(header->width) + " x " + std::to_string(header->height) + ", " +
         std::to_string(header->pixel_bytes) + " bytes";
}

fake::Bytes bytes(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

TEST_CASE("headers of what OpenCV writes say how large the picture is") {
  const cv::Mat colour = fake::slope(40, 57), grey = fake::slope(40, 57, 1), alpha = fake::slope(40, 57, 4);
  cv::Mat deep;
  grey.convertTo(deep, CV_16U, 257);
  CHECK(told(fake::encoded(".png", colour)) == "57 x 40, 3 bytes");
  CHECK(told(fake::encoded(".png", grey)) == "57 x 40, 1 bytes");
  CHECK(told(fake::encoded(".png", alpha)) == "57 x 40, 4 bytes");
  CHECK(told(fake::encoded(".png", deep)) == "57 x 40, 2 bytes");
  CHECK(told(fake::encoded(".jpg", colour)) == "57 x 40, 3 bytes");
  CHECK(told(fake::encoded(".jpg", colour, {cv::IMWRITE_JPEG_PROGRESSIVE, 1})) == "57 x 40, 6 bytes");
  CHECK(told(fake::encoded(".bmp", colour)) == "57 x 40, 4 bytes");
  CHECK(told(fake::encoded(".tiff", colour)) == "57 x 40, 3 bytes");
  CHECK(told(fake::encoded(".tiff", deep)) == "57 x 40, 2 bytes");
  CHECK(told(fake::encoded(".webp", colour, {cv::IMWRITE_WEBP_QUALITY, 101})) == "57 x 40, 4 bytes");
  CHECK(told(fake::encoded(".webp", colour, {cv::IMWRITE_WEBP_QUALITY, 50})) == "57 x 40, 4 bytes");
  CHECK(told(fake::encoded(".webp", alpha, {cv::IMWRITE_WEBP_QUALITY, 50})) == "57 x 40, 4 bytes");
  CHECK(told(fake::encoded(".jp2", colour)) == "57 x 40, 15 bytes");
  CHECK(told(fake::encoded(".ppm", colour)) == "57 x 40, 3 bytes");
  CHECK(told(fake::encoded(".pgm", grey)) == "57 x 40, 3 bytes");
  CHECK(told(fake::encoded(".pam", colour)) == "57 x 40, 3 bytes");
}

TEST_CASE("headers by hand: comments, other byte orders, and what is none") {
  CHECK(told(bytes("P5 # a comment\n# another\n 12\t7 65535\n")) == "12 x 7, 6 bytes");
  CHECK(told(bytes("P4\n100000 200000\n")) == "100000 x 200000, 3 bytes");
  CHECK(told(bytes("P5\n99999999999999999999999 2 255\n")) == "none");
  CHECK(told({'M', 'M', 0, 42, 0, 0, 0, 8, 0, 2, 1, 0, 0, 3, 0, 0, 0, 1, 0,
              9,   0,   0, 1,  1, 0, 4, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0}) == "9 x 65536, 1 bytes");
  for (const char* text : {"", "B", "P", "P5", "BM", "II", "II*", "RIFF1234WEBP", "GIF89a", "PF\n1 1\n-1.0\n",
                           "#?RADIANCE\n\n-Y 1 +X 1\n"})
    CHECK(told(bytes(text)) == "none");
}

TEST_CASE("the bytes of a picture saturate") {
  CHECK(ImageHeader{3, 4, 2}.bytes() == 24);
  CHECK(ImageHeader{0, 4, 2}.bytes() == 0);
  CHECK(ImageHeader{~0ull, 2, 2}.bytes() == ~0ull);
}

TEST_CASE("any bytes behind a format's first ones end in a header or in none") {
  Random random(1, 2, 3);
  const std::vector<std::string> starts{"\x89PNG\r\n\x1a\n",
                                        "\xff\xd8",
                                        "BM",
                                        std::string("II*\0", 4),
                                        std::string("MM\0+", 4),
                                        "RIFF....WEBPVP8 ",
                                        "....jP  ",
                                        "P5 ",
                                        "P7\n"};
  for (int round = 0; round < 20000; ++round) {
    fake::Bytes file = bytes(starts[random.below(starts.size())]);
    for (std::uint64_t more = random.below(80); more > 0; --more)
      file.push_back(static_cast<std::uint8_t>(random.coin(0.5) ? random.below(256) : random.below(3)));
    image_header(file);
  }
}
