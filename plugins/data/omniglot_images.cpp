#include "omniglot_images.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "twinflow/error.h"
#include "twinflow/interrupt.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace {

struct Drawing {
  std::string alphabet, character;
  std::int32_t drawer = 0;
};

std::optional<std::int32_t> number(std::string_view digits) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || digits.front() == '-' || error != std::errc() || end != digits.data() + digits.size())
    return std::nullopt;
  return value;
}

/// "Greek/character01/0394_01.png"
std::optional<Drawing> parse_name(const std::string& name) {
  const std::size_t first = name.find('/');
  if (first == 0 || first == std::string::npos) return std::nullopt;
  const std::size_t second = name.find('/', first + 1);
  if (second == first + 1 || second == std::string::npos) return std::nullopt;
  std::string_view file = std::string_view(name).substr(second + 1);
  if (file.find('/') != std::string_view::npos || !file.ends_with(".png")) return std::nullopt;
  file.remove_suffix(4);
  const std::size_t line = file.find('_');
  if (line == std::string_view::npos || !number(file.substr(0, line))) return std::nullopt;
  const auto drawer = number(file.substr(line + 1));
  if (!drawer) return std::nullopt;
  return Drawing{name.substr(0, first), name.substr(first + 1, second - first - 1), *drawer};
}

struct Source {
  const Collection* collection;
  const File* file;
};

/// alphabet -> character -> drawer -> file: maps, so that all are sorted.
using Sorted = std::map<std::string, std::map<std::string, std::map<std::int32_t, Source>>>;

void sort_into(Sorted& sorted, const Collection& collection) {
  for (const File& file : collection.files) {
    const auto drawing = parse_name(file.name);
    if (!drawing)
      throw Error(collection.where(file) + ": expected a name like ALPHABET/character01/0001_01.png");
    const auto [at, is_new] =
        sorted[drawing->alphabet][drawing->character].emplace(drawing->drawer, Source{&collection, &file});
    if (is_new) continue;
    const Source& earlier = at->second;
    if (earlier.collection == &collection)
      throw Error(fmt::format("{}: drawer {} drew this character already in '{}'", collection.where(file),
                              drawing->drawer, earlier.file->name));
    if (earlier.file->name != file.name || earlier.file->bytes != file.bytes)
      throw Error(fmt::format("{}: differs from the same drawing in {}", collection.where(file),
                              earlier.collection->where(*earlier.file)));
  }
}

}  // namespace

Dataset read_omniglot_images(const std::vector<Collection>& collections, const PictureForm& form) {
  Sorted sorted;
  for (const Collection& collection : collections) {
    if (collection.files.empty()) throw Error(collection.path.string() + " holds no images");
    sort_into(sorted, collection);
  }

  Dataset data;
  data.group_word = "alphabet";
  std::vector<Source> sources;
  for (const auto& [alphabet, characters] : sorted) {
    for (const auto& [character, drawings] : characters) {
      Dataset::Class made{shown(character), data.groups.size(), {}};
      for (const auto& [drawer, source] : drawings) {
        made.images.push_back(sources.size());
        data.drawers.push_back(drawer);
        data.names.push_back(shown(source.file->name));
        sources.push_back(source);
      }
      data.classes.push_back(std::move(made));
    }
    data.groups.push_back(shown(alphabet));
  }

  auto store = std::make_shared<PixelStore>();
  store->height = store->width = form.size;
  store->pixels.resize(sources.size() * store->image_size());
  tbb::parallel_for(std::size_t{0}, sources.size(), [&](std::size_t i) {
    throw_if_interrupted();
    store_png(*sources[i].collection, *sources[i].file, form, &store->pixels[i * store->image_size()]);
  });
  data.store = std::move(store);
  return data;
}

}  // namespace twinflow::data
