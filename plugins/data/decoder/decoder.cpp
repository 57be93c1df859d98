#include "decoder.h"

#include <exception>
#include <new>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "captured_errors.h"

namespace {

/// Its own sentences about damaged files would stand beside ours.
[[maybe_unused]] const auto level_before =
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);

cv::Mat read(const std::uint8_t* bytes, std::size_t size, bool colour) {
  const cv::Mat file(1, static_cast<int>(size), CV_8U, const_cast<std::uint8_t*>(bytes));
  // JPEG has neither transparency nor more than 8 bits, and holds its grey picture as such. For the other
  // formats all that is there is wanted, and turned upright: of OpenCV's ways to ask for it
  // IMREAD_UNCHANGED leaves the picture as it lies, and IMREAD_LOAD_GDAL, which in imdecode means nothing
  // else, does not.
  const bool jpeg = size > 2 && bytes[0] == 0xff && bytes[1] == 0xd8;
  return cv::imdecode(file, !jpeg ? cv::IMREAD_LOAD_GDAL : colour ? cv::IMREAD_COLOR : cv::IMREAD_GRAYSCALE);
}

/// ": unexpected end" of "imdecode_(''): can't read data: OpenCV(4.6.0) file:102: error: (-2:Unspecified
/// error) unexpected end in function 'readBlock'"; "" where it is told in another form.
std::string reason(const std::string& told) {
  const auto error = told.find("error: (");
  const auto begin = error == told.npos ? told.npos : told.find(") ", error);
  const auto end = begin == told.npos ? told.npos : told.find(" in function", begin);
  return end == told.npos ? "" : ": " + told.substr(begin + 2, end - begin - 2);
}

cv::Mat to_8_bits(const cv::Mat& picture) {
  cv::Mat bytes;
  switch (picture.depth()) {
    case CV_8U:
      return picture;
    case CV_16U:
      picture.convertTo(bytes, CV_8U, 1 / 257.0);  // 65535 becomes 255
      return bytes;
    case CV_32F:
    case CV_64F:
      picture.convertTo(bytes, CV_8U, 255);
      return bytes;
    default:
      return {};
  }
}

/// Blue, green, red and opacity to blue, green and red over white paper.
cv::Mat on_white(const cv::Mat& picture) {
  cv::Mat flat(picture.size(), CV_8UC3);
  for (int y = 0; y < picture.rows; ++y) {
    const auto* from = picture.ptr<cv::Vec4b>(y);
    auto* to = flat.ptr<cv::Vec3b>(y);
    for (int x = 0; x < picture.cols; ++x)
      for (int c = 0; c < 3; ++c)
        to[x][c] =
            static_cast<std::uint8_t>((from[x][c] * from[x][3] + 255 * (255 - from[x][3]) + 127) / 255);
  }
  return flat;
}

}  // namespace

Decoded twinflow_decode(const std::uint8_t* bytes, std::size_t size, bool colour, cv::Mat& picture,
                        std::string& problem) {
  picture.release();
  try {
    const CapturedErrors errors;
    const cv::Mat decoded = read(bytes, size, colour);
    if (decoded.empty()) {
      problem = "this is not an image that OpenCV can read, or it is damaged" + reason(errors.text());
      return Decoded::bad;
    }
    cv::Mat plain = to_8_bits(decoded);
    if (plain.channels() == 4) plain = on_white(plain);
    if (plain.empty() || (plain.channels() != 1 && plain.channels() != 3)) {
      problem = "the image has pixels of a kind that is not read: " + cv::typeToString(decoded.type());
      return Decoded::bad;
    }
    if (plain.channels() == 1 && colour)
      cv::cvtColor(plain, picture, cv::COLOR_GRAY2RGB);
    else if (plain.channels() == 3)
      cv::cvtColor(plain, picture, colour ? cv::COLOR_BGR2RGB : cv::COLOR_BGR2GRAY);
    else
      picture = plain;
    return Decoded::good;
  } catch (const cv::Exception& error) {
    picture.release();
    if (error.code == cv::Error::StsNoMem) return Decoded::out_of_memory;
    problem = error.err.find("CV_IO_MAX_IMAGE") != std::string::npos
                  ? "the image claims to be larger than OpenCV allows (see its OPENCV_IO_MAX_IMAGE_PIXELS)"
                  : "the image cannot be decoded: " + error.err;
  } catch (const std::bad_alloc&) {
    picture.release();
    return Decoded::out_of_memory;
  } catch (const std::exception& error) {
    picture.release();
    problem = std::string("the image cannot be decoded: ") + error.what();
  }
  return Decoded::bad;
}
