#include "twinflow/doctor.h"

#include <opencv2/core/utility.hpp>

namespace twinflow::data {
namespace {

const bool registered = register_doctor(
    [](Diagnosis& diagnosis) { diagnosis.facts.emplace_back("OpenCV", cv::getVersionString()); });

}  // namespace
}  // namespace twinflow::data
