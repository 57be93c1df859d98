#include "image_loading.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "decode.h"
#include "progress.h"
#include "twinflow/error.h"
#include "twinflow/hash.h"
#include "twinflow/interrupt.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

/// Height and width of the first image, where they are not given.
Fit with_size(Fit fit, const std::vector<fs::path>& files, bool skip_bad) {
  std::string first_problem;
  for (const fs::path& file : files) {
    if (fit.height > 0) return fit;
    throw_if_interrupted();
    try {
      const cv::Mat picture = read_image(file, fit.colour);
      fit.height = static_cast<std::size_t>(picture.rows);
      fit.width = static_cast<std::size_t>(picture.cols);
    } catch (const OutOfMemory&) {
      throw;
    } catch (const Error& error) {
      if (!skip_bad) throw;
      if (first_problem.empty()) first_problem = error.what();
    }
  }
  if (fit.height == 0) throw Error("no file can be read as an image; of the first: " + first_problem);
  return fit;
}

/// Gives the bytes of the picture as it was decoded.
std::size_t load(const fs::path& file, const Fit& fit, std::uint8_t* to) {
  const cv::Mat picture = read_image(file, fit.colour);
  fit_image(picture, fit, quoted(file), to);
  return picture.total() * picture.elemSize();
}

void at_least(std::atomic<std::size_t>& most, std::size_t value) {
  for (std::size_t known = most; known < value && !most.compare_exchange_weak(known, value);) {
  }
}

struct Read {
  std::vector<std::string> problems;  // what is wrong with each file
  std::size_t largest = 0;            // bytes of a decoded picture
  std::vector<std::uint64_t> hashes;  // of the pixels of each image that is not kept
};

/// Decodes every file, those that are kept to their places. With `skip_bad` unset only the first problem is
/// certain to be there.
Read read_all(const std::vector<fs::path>& files, const Loading& loading, const Fit& fit, PixelStore& store) {
  const std::size_t kept = store.kept_count();
  std::vector<std::string> problems(files.size());
  std::vector<std::uint64_t> hashes(files.size() - kept);
  std::atomic<std::size_t> first_bad = files.size(), largest = 0;
  Progress progress(files.size(), std::chrono::seconds(5), loading.say);
  tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
    throw_if_interrupted();
    if (!loading.skip_bad && i > first_bad) return;  // whatever is wrong with it, it is not the first
    try {
      std::vector<std::uint8_t> looked_at(i < kept ? 0 : store.image_size());
      std::uint8_t* const to = i < kept ? &store.pixels[i * store.image_size()] : looked_at.data();
      at_least(largest, load(files[i], fit, to));
      if (i >= kept) hashes[i - kept] = stable_hash(looked_at);
    } catch (const OutOfMemory&) {
      throw;  // not the file's fault: it is not left out
    } catch (const Error& error) {
      problems[i] = error.what();
      for (std::size_t first = first_bad; i < first && !first_bad.compare_exchange_weak(first, i);) {
      }
    }
    progress.step();
  });
  if (!loading.skip_bad && first_bad < files.size()) throw Error(problems[first_bad]);
  return {std::move(problems), largest, std::move(hashes)};
}

}  // namespace

Loaded load_images(std::vector<fs::path> files, const Loading& loading) {
  const Fit fit = with_size(loading.fit, files, loading.skip_bad);
  auto store = std::make_shared<PixelStore>();
  store->channels = fit.colour ? 3 : 1;
  store->height = fit.height;
  store->width = fit.width;
  const std::size_t size = store->image_size(), room = std::min(files.size(), loading.memory / size);
  if (loading.will_hold)
    loading.will_hold(fmt::format("{} of {} decoded images", room, files.size()),
                      static_cast<double>(room * size),
                      "a smaller `memory` of the images, or smaller images");
  with_memory_for([&] { return fmt::format("{} decoded images", room); },
                  [&] { store->pixels.resize(room * size); });

  Loaded loaded;
  auto [problems, largest, hashes] = read_all(files, loading, fit, *store);
  std::size_t count = 0, kept = 0;  // of good ones, which close up
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!problems[i].empty()) {
      loaded.places.emplace_back();
      loaded.skipped.push_back(std::move(problems[i]));
      continue;
    }
    loaded.places.emplace_back(count);
    if (i < room) {
      const auto from = store->pixels.begin() + static_cast<std::ptrdiff_t>(i * size);
      if (count != i)
        std::copy_n(from, size, store->pixels.begin() + static_cast<std::ptrdiff_t>(count * size));
      ++kept;
    }
    if (i >= room) hashes[count - kept] = hashes[i - room];
    if (count != i) files[count] = std::move(files[i]);
    ++count;
  }
  files.resize(count);
  hashes.resize(count - kept);
  store->pixels.resize(kept * size);
  store->decoded_count = hashes.size();
  if (store->decoded_count > 0 && loading.will_hold)
    loading.will_hold("images that are decoded as they are drawn",
                      2.0 * static_cast<double>(largest) * tbb::this_task_arena::max_concurrency(),
                      "smaller image files, or fewer threads");
  if (store->decoded_count > 0) {
    StableHash all;
    for (const std::uint64_t one : hashes) all.add(one);
    store->decoded_hash = all.value();
    store->decode = [files = std::move(files), hashes = std::move(hashes), kept, size, fit](
                        std::size_t image, std::uint8_t* to) {
      load(files[image], fit, to);
      if (stable_hash({to, size}) != hashes[image - kept])
        throw Error(
            fmt::format("{}: the image has changed since the run has read it first: put it back, or "
                        "start a new run",
                        quoted(files[image])));
    };
  }
  loaded.store = std::move(store);
  return loaded;
}

}  // namespace twinflow::data
