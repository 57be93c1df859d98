#include "image_loading.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <utility>

#include "decode.h"
#include "progress.h"
#include "twinflow/error.h"
#include "twinflow/hash.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

/// Height and width of the first image, where they are not given.
Fit with_size(Fit fit, const std::vector<fs::path>& files, bool skip_bad) {
  std::string first_problem;
  for (const fs::path& file : files) {
    if (fit.height > 0) return fit;
    try {
      const cv::Mat picture = read_image(file, fit.colour);
      fit.height = static_cast<std::size_t>(picture.rows);
      fit.width = static_cast<std::size_t>(picture.cols);
    } catch (const Error& error) {
      if (!skip_bad) throw;
      if (first_problem.empty()) first_problem = error.what();
    }
  }
  if (fit.height == 0) throw Error("no file can be read as an image; of the first: " + first_problem);
  return fit;
}

void load(const fs::path& file, const Fit& fit, std::uint8_t* to) {
  fit_image(read_image(file, fit.colour), fit, quoted(file), to);
}

/// Decodes every file, those that are kept to their places; of the others `hashes` gets those of their
/// pixels. Gives what is wrong with each; with `skip_bad` unset only the first that is wrong is certain to be
/// there.
std::vector<std::string> read_all(const std::vector<fs::path>& files, const Loading& loading, const Fit& fit,
                                  PixelStore& store, std::vector<std::uint64_t>& hashes) {
  const std::size_t kept = store.kept_count();
  std::vector<std::string> problems(files.size());
  hashes.resize(files.size() - kept);
  std::atomic<std::size_t> first_bad = files.size();
  Progress progress(files.size(), std::chrono::seconds(5), loading.say);
  tbb::parallel_for(std::size_t{0}, files.size(), [&](std::size_t i) {
    if (!loading.skip_bad && i > first_bad) return;  // whatever is wrong with it, it is not the first
    try {
      std::vector<std::uint8_t> looked_at(i < kept ? 0 : store.image_size());
      load(files[i], fit, i < kept ? &store.pixels[i * store.image_size()] : looked_at.data());
      if (i >= kept) hashes[i - kept] = stable_hash(looked_at);
    } catch (const Error& error) {
      problems[i] = error.what();
      for (std::size_t first = first_bad; i < first && !first_bad.compare_exchange_weak(first, i);) {
      }
    }
    progress.step();
  });
  if (!loading.skip_bad && first_bad < files.size()) throw Error(problems[first_bad]);
  return problems;
}

}  // namespace

Loaded load_images(std::vector<fs::path> files, const Loading& loading) {
  const Fit fit = with_size(loading.fit, files, loading.skip_bad);
  auto store = std::make_shared<PixelStore>();
  store->channels = fit.colour ? 3 : 1;
  store->height = fit.height;
  store->width = fit.width;
  const std::size_t size = store->image_size(), room = std::min(files.size(), loading.memory / size);
  store->pixels.resize(room * size);

  Loaded loaded;
  std::vector<std::uint64_t> hashes;  // of the images that are not kept
  std::vector<std::string> problems = read_all(files, loading, fit, *store, hashes);
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
