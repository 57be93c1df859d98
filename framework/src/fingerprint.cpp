#include "fingerprint.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

#include "twinflow/hash.h"
#include "twinflow/interrupt.h"

namespace twinflow {

namespace {

/// The length goes first, so that nothing can move from one list to the next.
template <class T>
void add_list(StableHash& hash, const std::vector<T>& list) {
  hash.add(list.size());
  for (const T& one : list) {
    if constexpr (std::is_integral_v<T>)
      hash.add(static_cast<std::uint64_t>(one));
    else
      hash.add(one);
  }
}

}  // namespace

std::uint64_t Fingerprints::of_pixels(const std::shared_ptr<const PixelStore>& store) {
  const auto [found, first] = stores_.try_emplace(store);
  if (!first) return found->second;
  constexpr std::size_t piece = 1 << 20;
  const std::vector<std::uint8_t>& all = store->pixels;
  std::vector<std::uint64_t> pieces((all.size() + piece - 1) / piece);
  tbb::parallel_for(std::size_t{0}, pieces.size(), [&](std::size_t i) {
    throw_if_interrupted();
    pieces[i] = stable_hash(std::span(all).subspan(i * piece, std::min(piece, all.size() - i * piece)));
  });
  StableHash hash;
  for (const std::size_t size : {store->channels, store->height, store->width, store->decoded_count})
    hash.add(size);
  hash.add(all.size());
  add_list(hash, pieces);
  if (store->decoded_count > 0) hash.add(store->decoded_hash);
  return found->second = hash.value();
}

std::string Fingerprints::of(const Dataset& data) {
  StableHash hash;
  hash.add(of_pixels(data.store));
  if (data.store->decoded_count > 0) add_list(hash, data.names);
  add_list(hash, data.groups);
  hash.add(data.classes.size());
  for (const Dataset::Class& one : data.classes) {
    hash.add(one.name);
    hash.add(one.group);
    add_list(hash, one.images);
  }
  add_list(hash, data.drawers);
  hash.add(data.tasks.size());
  for (const FewShotTask& task : data.tasks) {
    add_list(hash, task.support);
    add_list(hash, task.ways);
    add_list(hash, task.queries);
    add_list(hash, task.answers);
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
