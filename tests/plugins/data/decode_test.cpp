#include "plugins/data/decode.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <opencv2/imgproc.hpp>

#include "pictures.h"
#include "twinflow/random.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

std::string said_about(const fake::Bytes& bytes) {
  return fake::error_of([&] { decode_image(bytes, "here", false); });
}

fake::Bytes cut(const fake::Bytes& whole, std::size_t length) {
  return {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)};
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  REQUIRE(a.type() == b.type());
  return cv::norm(a, b, cv::NORM_INF);
}

void append(fake::Bytes& to, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// A PNG chunk: length, name, data, checksum.
fake::Bytes chunk(const std::string& name, const fake::Bytes& data) {
  fake::Bytes all;
  append(all, static_cast<std::uint32_t>(data.size()));
  for (const char letter : name) all.push_back(static_cast<std::uint8_t>(letter));
  for (const std::uint8_t byte : data) all.push_back(byte);
  std::uint32_t checksum = 0xffffffff;  // CRC-32, bit by bit, as in the PNG specification's appendix D
  for (std::size_t i = 4; i < all.size(); ++i) {
    checksum ^= all[i];
    for (int bit = 0; bit < 8; ++bit) checksum = checksum >> 1 ^ (checksum & 1 ? 0xedb88320u : 0u);
  }
  append(all, ~checksum);
  return all;
}

/// A PNG with another chunk behind its header, which takes the first 33 bytes.
fake::Bytes with_chunk(fake::Bytes png, const std::string& name, const fake::Bytes& data) {
  const fake::Bytes more = chunk(name, data);
  png.insert(png.begin() + 33, more.begin(), more.end());
  return png;
}

/// EXIF that says: turned so. Orientation 6: the picture's first row is the right side of what it shows.
fake::Bytes exif(std::uint8_t orientation) {
  return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0};
}

/// What is written to the terminal while the call runs.
template <class Call>
std::string terminal(Call&& call) {
  const TempFolder temp;
  const std::string file = (temp.path / "errors").string();
  std::fflush(stderr);
  const int kept = dup(2), to = open(file.c_str(), O_CREAT | O_WRONLY, 0600);
  dup2(to, 2);
  call();
  std::fflush(stderr);
  dup2(kept, 2);
  close(kept), close(to);
  return read_file(file);
}

const std::string no_image =
    "here: this is not an image of a format that is read (PNG, JPEG, BMP, TIFF, WebP, JPEG 2000, PNM), or it "
    "is damaged";

}  // namespace

TEST_CASE("who decodes nothing does not load OpenCV's readers") {
  const std::string folder = TWINFLOW_BUILD_DIR "/lib/twinflow/", readers = "libopencv_imgcodecs";
  CHECK(read_file(folder + "libtwinflow_data.so").find(readers) == std::string::npos);
  CHECK(read_file(folder + "decoder/libtwinflow_decoder.so").find(readers) != std::string::npos);
}

TEST_CASE("what OpenCV writes is read again, grey and in colour, red first") {
  for (const std::string ending : {".png", ".bmp", ".tiff", ".ppm", ".webp", ".jp2", ".jpg"}) {
    CAPTURE(ending);
    const int height = ending == ".jp2" ? 40 : 9, width = height + 5;  // JPEG 2000 has a least size
    const cv::Mat picture = fake::slope(height, width), grey_picture = fake::slope(height, width, 1);
    cv::Mat rgb, grey, grey_rgb;
    cv::cvtColor(picture, rgb, cv::COLOR_BGR2RGB);
    cv::cvtColor(picture, grey, cv::COLOR_BGR2GRAY);
    cv::cvtColor(grey_picture, grey_rgb, cv::COLOR_GRAY2RGB);
    const std::vector<int> settings = ending == ".webp" ? std::vector<int>{cv::IMWRITE_WEBP_QUALITY, 101}
                                      : ending == ".jp2"
                                          ? std::vector<int>{cv::IMWRITE_JPEG2000_COMPRESSION_X1000, 1000}
                                      : ending == ".jpg" ? std::vector<int>{cv::IMWRITE_JPEG_QUALITY, 100}
                                                         : std::vector<int>{};
    const double loss = ending == ".jpg" ? 12 : 0;  // colours at half the resolution
    const fake::Bytes file = fake::encoded(ending, picture, settings);
    CHECK(largest_difference(decode_image(file, "", true), rgb) <= loss);
    CHECK(largest_difference(decode_image(file, "", false), grey) <= loss);
    if (ending == ".ppm" || ending == ".webp") continue;  // they have no grey
    const fake::Bytes grey_file = fake::encoded(ending, grey_picture, settings);
    CHECK(largest_difference(decode_image(grey_file, "", false), grey_picture) <= loss / 6);
    CHECK(largest_difference(decode_image(grey_file, "", true), grey_rgb) <= loss / 6);
  }
}

TEST_CASE("images are decoded in memory: a format for which OpenCV needs a temporary file is refused") {
  const cv::Mat picture = fake::slope(40, 40);
  cv::Mat light;
  picture.convertTo(light, CV_32F, 1 / 255.0);
  std::map<std::string, fake::Bytes> files;
  for (const std::string ending : {".png", ".bmp", ".tiff", ".ppm", ".pam", ".webp", ".jp2", ".jpg"})
    files[ending] = fake::encoded(ending, picture);
  const fake::Bytes refused[] = {fake::encoded(".ras", picture), fake::encoded(".pfm", light),
                                 fake::encoded(".hdr", light)};
  setenv("OPENCV_TEMP_PATH", "/nonexistent", 1);
  for (const auto& [ending, file] : files) {
    CAPTURE(ending);
    CHECK(said_about(file) == "");
  }
  for (const fake::Bytes& file : refused) CHECK(said_about(file) == no_image);
  unsetenv("OPENCV_TEMP_PATH");
}

TEST_CASE("16 bits are scaled to 8, and 1 bit is black and white") {
  const cv::Mat deep = (cv::Mat_<std::uint16_t>(1, 4) << 0, 257, 300, 65535);
  CHECK(largest_difference(decode_image(fake::encoded(".png", deep), "", false),
                           (cv::Mat_<std::uint8_t>(1, 4) << 0, 1, 1, 255)) == 0);
  const cv::Mat bits = (cv::Mat_<std::uint8_t>(1, 4) << 0, 255, 255, 0);
  CHECK(largest_difference(decode_image(fake::encoded(".png", bits, {cv::IMWRITE_PNG_BILEVEL, 1}), "", false),
                           bits) == 0);
  const cv::Mat light = (cv::Mat_<float>(1, 3) << 0.0f, 0.5f, 2.0f);
  CHECK(largest_difference(decode_image(fake::encoded(".tiff", light), "", false),
                           (cv::Mat_<std::uint8_t>(1, 3) << 0, 128, 255)) == 0);
}

TEST_CASE("what is transparent lies on white") {
  cv::Mat picture(1, 3, CV_8UC4);
  picture.ptr<cv::Vec4b>()[0] = {10, 20, 30, 255};
  picture.ptr<cv::Vec4b>()[1] = {10, 20, 30, 0};
  picture.ptr<cv::Vec4b>()[2] = {0, 100, 200, 51};  // a fifth
  const cv::Mat read = decode_image(fake::encoded(".png", picture), "", true);
  CHECK(read.ptr<cv::Vec3b>()[0] == cv::Vec3b(30, 20, 10));
  CHECK(read.ptr<cv::Vec3b>()[1] == cv::Vec3b(255, 255, 255));
  CHECK(read.ptr<cv::Vec3b>()[2] == cv::Vec3b(244, 224, 204));
  picture.setTo(cv::Scalar(0, 0, 0, 0));
  CHECK(decode_image(fake::encoded(".png", picture), "", false).at<std::uint8_t>(0, 1) == 255);
  cv::Mat deep(1, 1, CV_16UC4, cv::Scalar(0, 0, 65535, 0x3333));  // red, a fifth
  CHECK(decode_image(fake::encoded(".png", deep), "", true).at<cv::Vec3b>(0, 0) == cv::Vec3b(255, 204, 204));
}

TEST_CASE("pictures are turned as EXIF says, in JPEG and PNG, transparent ones too") {
  const cv::Mat picture = fake::slope(8, 16, 1);
  cv::Mat turned;
  cv::rotate(picture, turned, cv::ROTATE_90_CLOCKWISE);
  fake::Bytes jpeg = fake::encoded(".jpg", picture, {cv::IMWRITE_JPEG_QUALITY, 100});
  fake::Bytes segment = {0xff, 0xe1, 0, 0, 'E', 'x', 'i', 'f', 0, 0};
  const fake::Bytes tags = exif(6);
  segment.insert(segment.end(), tags.begin(), tags.end());
  segment[3] = static_cast<std::uint8_t>(segment.size() - 2);
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  CHECK(largest_difference(decode_image(jpeg, "", false), turned) <= 2);

  CHECK(largest_difference(
            decode_image(with_chunk(fake::encoded(".png", picture), "eXIf", exif(6)), "", false), turned) ==
        0);
  cv::Mat clear;
  cv::cvtColor(picture, clear, cv::COLOR_GRAY2BGRA);
  CHECK(largest_difference(decode_image(with_chunk(fake::encoded(".png", clear), "eXIf", exif(6)), "", false),
                           turned) == 0);
}

TEST_CASE("a file that was cut short, anywhere, is refused, whatever its format") {
  const cv::Mat picture = fake::slope(40, 30);
  for (const std::string ending : {".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"}) {
    const fake::Bytes whole = fake::encoded(ending, picture);
    CHECK(said_about(whole) == "");
    terminal([&] {  // OpenCV speaks of a PPM
      for (std::size_t length = 0; length < whole.size(); length += length + 70 < whole.size() ? 61 : 1) {
        CAPTURE(ending);
        CAPTURE(length);
        CHECK(said_about(cut(whole, length)).starts_with("here: "));
      }
    });
  }
  fake::Bytes progressive = fake::encoded(".jpg", picture, {cv::IMWRITE_JPEG_PROGRESSIVE, 1});
  CHECK(said_about(progressive) == "");
  for (std::size_t length = 3; length < progressive.size(); length += 13)
    CHECK(said_about(cut(progressive, length)) == "here: the JPEG file is cut short");
  progressive.insert(progressive.end(), 100, 0);  // what follows the end does not matter
  CHECK(said_about(progressive) == "");
}

TEST_CASE("what is wrong is said with the file's name, and nothing is written beside it") {
  const cv::Mat picture = fake::slope(40, 30);
  const fake::Bytes png = fake::encoded(".png", picture), jpeg = fake::encoded(".jpg", picture),
                    bmp = fake::encoded(".bmp", picture);
  CHECK(terminal([&] {
          CHECK(said_about({}) == "here: the file is empty");
          CHECK(said_about(fake::text("height,width\n1,2\n")) == no_image);
          CHECK(said_about(fake::Bytes(1000, 0)) == no_image);
          CHECK(said_about(cut(png, png.size() / 2)) == "here: the PNG file is cut short");
          CHECK(said_about(cut(png, png.size() - 1)) == "here: the PNG file is cut short");
          CHECK(said_about(cut(jpeg, jpeg.size() / 2)) == "here: the JPEG file is cut short");
          CHECK(said_about(cut(jpeg, jpeg.size() - 2)) == "here: the JPEG file is cut short");
          CHECK(said_about(cut(bmp, bmp.size() / 2)) == "here: the BMP file is cut short");
          CHECK(said_about(cut(bmp, bmp.size() - 1)) == "here: the BMP file is cut short");
          fake::Bytes huge = bmp;  // 2^30 x 2^30 pixels of 128 bits: 2^64 bytes, which is 0 in 64 bits
          for (const std::size_t at : {18, 22}) std::copy_n("\0\0\0\x40", 4, huge.begin() + at);
          huge[28] = 128;
          CHECK(said_about(huge) == "here: the BMP file is cut short");
          fake::Bytes flipped = png;
          flipped[png.size() / 2] ^= 4;
          CHECK(said_about(flipped) == "here: the PNG file is damaged: the checksum of an IDAT is wrong");
          // libpng has something to say about this profile, which half of the world's PNGs carry
          CHECK(said_about(with_chunk(png, "iCCP", fake::text("short"))) == "");
        }) == "");
}

TEST_CASE("an image that claims to be huge is refused before memory is allocated for it") {
  fake::Bytes png = fake::encoded(".png", fake::slope(4, 4, 1));
  const fake::Bytes header = chunk("IHDR", {0, 1, 0, 0, 0, 1, 0, 0, 8, 0, 0, 0, 0});  // 65536 x 65536
  std::copy(header.begin(), header.end(), png.begin() + 8);
  CHECK(said_about(png).starts_with("here: the PNG file is damaged: its "));
  CHECK(said_about(png).ends_with(" bytes of pixels cannot be an image of 65536 x 65536"));
  fake::Bytes jpeg = fake::encoded(".jpg", fake::slope(4, 4, 1));
  const std::uint8_t frame[] = {0xff, 0xc0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(frame), std::end(frame));
  REQUIRE(jpeg.end() - at > 9);
  std::fill_n(at + 5, 4, std::uint8_t{0xf0});  // 61680 x 61680
  const std::string said = said_about(jpeg);
  CHECK((said.starts_with("here: an image of 61680 x 61680 pixels needs 22.8 GB, but ") ||  // mostly
         said ==
             "here: the image claims to be larger than OpenCV allows (see its OPENCV_IO_MAX_IMAGE_PIXELS)"));
}

TEST_CASE("an image that does not fit into memory is refused before it is decoded") {
  const Memory memory{1e9, "the machine has 1.0 GB of memory available"};
  require_room({10000, 10000, 3}, "here", memory, 1);
  CHECK(fake::error_of([&] {
          require_room({10000, 10000, 3}, "here", memory, 2);
        }) ==
        "here: an image of 10000 x 10000 pixels needs 0.6 GB, but 0.5 GB are left (the machine has 1.0 GB of "
        "memory available, for 2 threads): make it smaller, or leave it out");
  CHECK(fake::error_of([&] { require_room({1u << 31, 1u << 31, 8}, "here", memory, 1); }) != "");
}

TEST_CASE("whatever is cut off or flipped in an image, it is read or refused") {
  Random random(1, 2, 3);
  for (const std::string ending : {".png", ".jpg", ".bmp", ".tiff", ".webp", ".ppm"}) {
    CAPTURE(ending);
    const fake::Bytes good = fake::encoded(ending, fake::slope(20, 30));
    int refused = 0;
    terminal([&] {
      for (int round = 0; round < 200; ++round) {
        fake::Bytes bytes = good;
        if (random.coin(0.3)) bytes.resize(random.below(bytes.size()));
        for (std::uint64_t flips = random.below(4); flips > 0 && !bytes.empty(); --flips)
          bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
        refused += !said_about(bytes).empty();  // lets through any other exception
      }
    });
    CHECK(refused > 40);
    CHECK(refused < 200);
  }
}

TEST_CASE("what OpenCV prints of a damaged file is in our sentence, and not on the terminal") {
  std::string problem;
  CHECK(terminal([&] { problem = said_about(fake::text("P5\n40 24\n255\nxxxx")); }) == "");
  CHECK(problem ==
        "here: this is not an image that OpenCV can read, or it is damaged: Unexpected end of input stream");
  CHECK(terminal([] { std::cerr << "others are heard\n" << std::flush; }) == "others are heard\n");
}
