// Any text as the files of Omniglot's archives, a line each: a name, and what is in it, which is a drawing
// for "png" and otherwise that text, with a line break for each "|". It is read as images and as official
// runs, or refused with an Error. What was read is whole: every image is of a class, every answer one of its
// task's.
#include <algorithm>
#include <opencv2/imgcodecs.hpp>
#include <sstream>

#include "fuzz.h"
#include "plugins/data/omniglot_images.h"
#include "plugins/data/omniglot_runs.h"

using namespace twinflow;
using namespace twinflow::data;

namespace {

std::vector<std::uint8_t> drawing() {
  std::vector<std::uint8_t> png;
  cv::imencode(".png", cv::Mat(PictureForm::drawn, PictureForm::drawn, CV_8U, cv::Scalar(255)), png);
  return png;
}

Collection described(const std::string& text) {
  static const std::vector<std::uint8_t> png = drawing();
  Collection made;
  std::istringstream lines(text);
  for (std::string line; made.files.size() < 64 && std::getline(lines, line);) {
    const std::size_t space = std::min(line.find(' '), line.size());
    std::string content = line.substr(std::min(space + 1, line.size()));
    std::replace(content.begin(), content.end(), '|', '\n');
    made.files.push_back({line.substr(0, space), {content.begin(), content.end()}});
    if (content == "png") made.files.back().bytes = png;
  }
  const auto by_name = [](const File& a, const File& b) { return a.name < b.name; };
  std::sort(made.files.begin(), made.files.end(), by_name);
  const auto same_name = [](const File& a, const File& b) { return a.name == b.name; };
  made.files.erase(std::unique(made.files.begin(), made.files.end(), same_name), made.files.end());
  return made;
}

void check(const Dataset& data) {
  const std::size_t images = data.store->count();
  demand(data.names.size() == images, "another number of names than images");
  for (const Dataset::Class& one : data.classes) {
    demand(!one.images.empty() && one.group < data.groups.size(), "a class is empty or of no group");
    for (const std::size_t image : one.images)
      demand(image < images, "a class has an image that is not there");
  }
  for (const FewShotTask& task : data.tasks) {
    demand(task.queries.size() == task.answers.size() && task.support.size() == task.ways.size(),
           "a task has queries without an answer");
    for (const std::int32_t answer : task.answers)
      demand(std::find(task.ways.begin(), task.ways.end(), answer) != task.ways.end(),
             "an answer is not among its task's classes");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Collection collection = described(text_of(bytes, size));
  const PictureForm form{.size = 8};
  try {
    check(read_omniglot_images({collection}, form));
  } catch (const Error&) {
  }
  try {
    check(read_omniglot_runs(collection, form));
  } catch (const Error&) {
  }
  return 0;
}
