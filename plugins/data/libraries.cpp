#include "twinflow/libraries.h"

#include <opencv2/core/utility.hpp>

namespace twinflow::data {
namespace {

const bool registered = register_library("OpenCV", cv::getVersionString());

}  // namespace
}  // namespace twinflow::data
