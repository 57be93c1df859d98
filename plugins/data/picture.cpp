#include "picture.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <opencv2/imgproc.hpp>

#include "twinflow/error.h"

namespace twinflow::data {

namespace {

constexpr std::uint8_t png_start[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
                                      0,    0,   0,   13,  'I',  'H',  'D',  'R'};

std::uint32_t big_endian(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
         bytes[3];
}

}  // namespace

void store_picture(const std::uint8_t* grey, const PictureForm& form, std::uint8_t* to) {
  constexpr int drawn = PictureForm::drawn;
  cv::Mat picture(drawn, drawn, CV_8U);
  const std::uint8_t flip = form.invert ? 0xff : 0;
  std::transform(grey, grey + drawn * drawn, picture.ptr(), [flip](std::uint8_t v) { return v ^ flip; });
  const int size = static_cast<int>(form.size);
  cv::Mat stored(size, size, CV_8U, to);
  cv::resize(picture, stored, stored.size(), 0, 0, cv::INTER_AREA);
}

void store_png(const Collection& collection, const File& file, const PictureForm& form, std::uint8_t* to) {
  constexpr std::uint32_t drawn = PictureForm::drawn;
  const auto& bytes = file.bytes;
  const auto fail = [&](const std::string& what) { throw Error(collection.where(file) + ": " + what); };
  if (bytes.empty()) fail("the file is empty");
  if (bytes.size() < sizeof png_start + 8 ||
      !std::equal(std::begin(png_start), std::end(png_start), bytes.begin()))
    fail("this is not a PNG image");
  // Looked up here, so that nobody allocates for an image that claims to be huge.
  const std::uint32_t width = big_endian(&bytes[16]), height = big_endian(&bytes[20]);
  if (width != drawn || height != drawn)
    fail(fmt::format("the image is {} x {} pixels, not {} x {}", width, height, drawn, drawn));
  std::array<std::uint8_t, drawn * drawn> grey;
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  bool good = png_image_begin_read_from_memory(&image, bytes.data(), bytes.size());
  image.format = PNG_FORMAT_GRAY;
  good = good && png_image_finish_read(&image, nullptr, grey.data(), drawn, nullptr);
  png_image_free(&image);
  if (!good) fail(fmt::format("the PNG image is damaged: {}", image.message));
  store_picture(grey.data(), form, to);
}

}  // namespace twinflow::data
