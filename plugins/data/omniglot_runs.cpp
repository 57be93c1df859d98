#include "omniglot_runs.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <map>
#include <memory>
#include <sstream>

#include "split.h"
#include "twinflow/error.h"
#include "twinflow/interrupt.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace {

struct Run {
  const File* labels = nullptr;
  std::map<std::string, std::size_t> training, test;  // file name -> image in the store
};

class Reader {
 public:
  explicit Reader(const Collection& collection) : collection_(collection) {}

  Dataset read(const PictureForm& form) {
    for (const File& file : collection_.files) sort_in(file);
    if (runs_.empty()) throw Error(collection_.path.string() + " holds no runs");
    data_.group_word = "run";
    for (const auto& [name, run] : runs_) add(name, run);
    auto store = std::make_shared<PixelStore>();
    store->height = store->width = form.size;
    store->pixels.resize(images_.size() * store->image_size());
    tbb::parallel_for(std::size_t{0}, images_.size(), [&](std::size_t i) {
      throw_if_interrupted();
      store_png(collection_, *images_[i], form, &store->pixels[i * store->image_size()]);
    });
    data_.store = std::move(store);
    for (const File* image : images_) data_.names.push_back(shown(image->name));
    data_.description = summary("omniglot, official one-shot runs", data_);
    return std::move(data_);
  }

 private:
  void sort_in(const File& file) {
    const std::size_t slash = file.name.find('/');
    const std::string run = file.name.substr(0, slash);
    const std::string rest = slash == std::string::npos ? "" : file.name.substr(slash + 1);
    const bool image = rest.ends_with(".png") && rest.find('/') == rest.rfind('/');
    if (rest == "class_labels.txt") {
      runs_[run].labels = &file;
    } else if (image && (rest.starts_with("training/") || rest.starts_with("test/"))) {
      (rest.starts_with("test/") ? runs_[run].test : runs_[run].training)[file.name] = images_.size();
      images_.push_back(&file);
    } else {
      throw Error(collection_.where(file) +
                  ": expected run01/class_labels.txt, run01/training/class01.png or run01/test/item01.png, "
                  "or the like");
    }
  }

  void add(const std::string& name, const Run& run) {
    if (!run.labels)
      throw Error(fmt::format("{}: '{}/class_labels.txt' is missing", collection_.path.string(), name));
    FewShotTask task;
    std::map<std::string, std::int32_t> ways;
    for (const auto& [file, image] : run.training) {
      const std::size_t start = name.size() + sizeof("/training/") - 1;
      data_.classes.push_back({file.substr(start, file.size() - start - 4), data_.groups.size(), {image}});
      ways[file] = static_cast<std::int32_t>(task.support.size());
      task.ways.push_back(ways[file]);
      task.support.push_back(image);
    }

    std::map<std::string, std::size_t> unnamed = run.test;
    std::istringstream lines(std::string(run.labels->bytes.begin(), run.labels->bytes.end()));
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
      std::istringstream words(line);
      std::string item, shown, more;
      if (!(words >> item)) continue;  // an empty line
      const auto fail = [&](const std::string& what) {
        throw Error(fmt::format("{}, line {}: {}", collection_.where(*run.labels), number, what));
      };
      if (!(words >> shown) || words >> more)
        fail("expected two file names, a test image and the training image of its character");
      const auto query = run.test.find(item);
      const auto way = ways.find(shown);
      if (query == run.test.end()) fail(fmt::format("there is no test image '{}'", item));
      if (way == ways.end()) fail(fmt::format("there is no training image '{}'", shown));
      if (unnamed.erase(item) == 0) fail(fmt::format("'{}' has a line already", item));
      task.queries.push_back(query->second);
      task.answers.push_back(way->second);
    }
    if (!unnamed.empty())
      throw Error(fmt::format("{}: no line names the test image '{}'", collection_.where(*run.labels),
                              unnamed.begin()->first));
    if (task.queries.empty())
      throw Error(fmt::format("{}: the run has no test image", collection_.where(*run.labels)));
    data_.groups.push_back(name);
    data_.tasks.push_back(std::move(task));
  }

  const Collection& collection_;
  std::map<std::string, Run> runs_;  // sorted by name
  std::vector<const File*> images_;  // of the store
  Dataset data_;
};

}  // namespace

Dataset read_omniglot_runs(const Collection& collection, const PictureForm& form) {
  return Reader(collection).read(form);
}

}  // namespace twinflow::data
