#include "fingerprint.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>
#include <xxhash.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <vector>

namespace twinflow {

namespace {

/// XXH64 of numbers and texts, each list with its length in front, so that nothing can move from one to the
/// next.
class Hash {
 public:
  Hash() { XXH64_reset(state_.get(), 0); }
  void add(std::uint64_t number) { XXH64_update(state_.get(), &number, sizeof number); }
  void add(std::string_view text) {
    add(text.size());
    if (!text.empty()) XXH64_update(state_.get(), text.data(), text.size());
  }
  template <class T>
  void add(const std::vector<T>& list) {
    add(list.size());
    for (const T& one : list) {
      if constexpr (std::is_integral_v<T>)
        add(static_cast<std::uint64_t>(one));
      else
        add(one);
    }
  }
  std::uint64_t value() const { return XXH64_digest(state_.get()); }

 private:
  std::unique_ptr<XXH64_state_t, decltype(&XXH64_freeState)> state_{XXH64_createState(), &XXH64_freeState};
};

}  // namespace

std::uint64_t Fingerprints::of_pixels(const std::shared_ptr<const PixelStore>& store) {
  const auto [found, first] = stores_.try_emplace(store);
  if (!first) return found->second;
  constexpr std::size_t piece = 1 << 20;
  const std::vector<std::uint8_t>& all = store->pixels;
  std::vector<std::uint64_t> pieces((all.size() + piece - 1) / piece);
  tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
    pieces[i] = XXH64(all.data() + i * piece, std::min(piece, all.size() - i * piece), 0);
  });
  Hash hash;
  for (const std::size_t size : {store->channels, store->height, store->width, store->decoded_count})
    hash.add(size);
  hash.add(all.size());
  hash.add(pieces);
  return found->second = hash.value();
}

std::string Fingerprints::of(const Dataset& data) {
  Hash hash;
  hash.add(of_pixels(data.store));
  if (data.store->decoded_count > 0) hash.add(data.names);
  hash.add(data.groups);
  hash.add(data.classes.size());
  for (const Dataset::Class& one : data.classes) {
    hash.add(one.name);
    hash.add(one.group);
    hash.add(one.images);
  }
  hash.add(data.drawers);
  hash.add(data.tasks.size());
  for (const Task& task : data.tasks) {
    hash.add(task.support);
    hash.add(task.ways);
    hash.add(task.queries);
    hash.add(task.answers);
  }
  hash.add(data.pairs.size());
  for (const ListedPair& pair : data.pairs) {
    hash.add(pair.left);
    hash.add(pair.right);
    hash.add(pair.same ? 1 : 0);
  }
  return fmt::format("{} images of {} classes, xxh64 {:016x}", data.image_count(), data.classes.size(),
                     hash.value());
}

}  // namespace twinflow
