#include "twinflow/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "twinflow/error.h"

namespace twinflow {

void PixelStore::validate() const {
  const std::size_t size = image_size();
  if (size == 0 && (!pixels.empty() || decoded_count > 0))
    throw Error(fmt::format("its images have no pixels: they are {} x {} x {} (channels x height x width)",
                            channels, height, width));
  if (size > 0 && pixels.size() % size != 0)
    throw Error(fmt::format("its {} bytes of pixels are not a whole number of images of {} x {} x {}",
                            pixels.size(), channels, height, width));
  if (decoded_count > 0 && !decode)
    throw Error(
        fmt::format("{} of its images are to be decoded, but it has no function 'decode'", decoded_count));
}

namespace {

class Validation {
 public:
  explicit Validation(const Dataset& data) : data_(data) {}

  void run() const {
    if (!data_.store) throw Error("it has no pixel store");
    data_.store->validate();
    check_classes();
    check_each_image("drawers", data_.drawers.size());
    check_each_image("names", data_.names.size());
    for (std::size_t i = 0; i < data_.pairs.size(); ++i)
      for (const std::size_t image : {data_.pairs[i].left, data_.pairs[i].right})
        check_image(image, [&] { return fmt::format("pair {}", i + 1); });
    for (std::size_t i = 0; i < data_.tasks.size(); ++i) check_task(i);
  }

 private:
  void check_classes() const {
    std::set<std::pair<std::size_t, std::string_view>> names;
    for (std::size_t i = 0; i < data_.classes.size(); ++i) {
      const Dataset::Class& one = data_.classes[i];
      const auto who = [&] { return fmt::format("class {} ('{}')", i + 1, one.name); };
      if (one.group >= data_.groups.size())
        throw Error(fmt::format("{} is of {} {}, but there are {}", who(), data_.group_word, one.group + 1,
                                data_.groups.size()));
      if (one.images.empty()) throw Error(who() + " has no image");
      for (const std::size_t image : one.images) check_image(image, who);
      if (!names.emplace(one.group, one.name).second)
        throw Error(fmt::format("{} has the name of another class of its {}", who(), data_.group_word));
    }
  }
  void check_each_image(const char* what, std::size_t size) const {
    if (size != 0 && size != data_.store->count())
      throw Error(fmt::format("it has {} {} for {} images: one each, or none at all", size, what,
                              data_.store->count()));
  }
  template <class Who>
  void check_image(std::size_t image, Who&& who) const {
    if (image >= data_.store->count())
      throw Error(fmt::format("{} names image {}, but there are {}", who(), image, data_.store->count()));
  }
  void check_task(std::size_t i) const {
    const FewShotTask& task = data_.tasks[i];
    const auto who = [&] { return fmt::format("task {}", i + 1); };
    const auto wrong = [&](const std::string& what) { throw Error(who() + " " + what); };
    if (task.support.empty()) wrong("has no support images");
    if (task.queries.empty()) wrong("has no queries");
    if (task.ways.size() != task.support.size())
      wrong(fmt::format("has {} support images, but {} ways", task.support.size(), task.ways.size()));
    if (task.answers.size() != task.queries.size())
      wrong(fmt::format("has {} queries, but {} answers", task.queries.size(), task.answers.size()));
    for (const auto* images : {&task.support, &task.queries})
      for (const std::size_t image : *images) check_image(image, who);
    const auto [least, most] = std::minmax_element(task.ways.begin(), task.ways.end());
    if (*least < 0) wrong("has a negative way");
    std::vector<bool> shown(task.support.size());  // a task has at most as many ways as support images
    for (const std::int32_t way : task.ways)
      if (static_cast<std::size_t>(way) < shown.size()) shown[static_cast<std::size_t>(way)] = true;
    for (std::size_t way = 0; way <= static_cast<std::size_t>(*most); ++way)
      if (way >= shown.size() || !shown[way]) wrong(fmt::format("has no support image of way {}", way));
    for (const std::int32_t answer : task.answers)
      if (answer < 0 || answer > *most)
        wrong(fmt::format("has the answer {}, but {} ways", answer, *most + 1));
  }

  const Dataset& data_;
};

}  // namespace

void Dataset::validate() const { Validation(*this).run(); }

}  // namespace twinflow
