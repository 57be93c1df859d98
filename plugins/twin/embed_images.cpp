#include "embed_images.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "shape_hint.h"
#include "twinflow/error.h"
#include "twinflow/images.h"

namespace twinflow::twin {
namespace {

/// Images at once. Not a function of ranks or threads: maps draw for the part.
constexpr std::size_t part = 1024;

/// " once they went through norm": for sentences.
std::string once_through(const Passage& through) {
  if (through.empty()) return "";
  return fmt::format(" once they went through {}", fmt::join(through.names(), ", "));
}

/// Where maps change the images, nobody knows how they would have to be read.
std::string how_to_read(Shape wanted, Shape found, const Passage& through) {
  return through.empty() ? shape_hint(wanted, found) : once_through(through);
}

/// No item of the stream: an epoch that no run comes to.
Item own_item(std::size_t copy, std::size_t part) {
  const std::uint64_t index = (std::uint64_t{copy} << 32) + part;
  return {.epoch = std::numeric_limits<std::uint32_t>::max(), .index = index, .step = index};
}

/// Whether all of `wanted` are among `named`, in that order.
bool goes_through(const std::vector<std::string>& named, const std::vector<std::string>& wanted) {
  auto next = wanted.begin();
  for (const std::string& one : named)
    if (next != wanted.end() && one == *next) ++next;
  return next == wanted.end();
}

constexpr std::size_t part_size = 1024;  // images; not the number of ranks': maps draw for the part

/// The images of a part, gone through the maps.
ImageBatch part_of(const std::shared_ptr<const PixelStore>& store, std::span<const std::size_t> images,
                   std::size_t part, const Passage& through, std::size_t copy) {
  const auto some = images.subspan(part * part_size, std::min(part_size, images.size() - part * part_size));
  std::vector<Shot> shots;
  for (const std::size_t image : some) shots.push_back({image});
  ImageBatch batch{Images(store, std::move(shots)), std::vector<std::int32_t>(some.size())};
  return through.apply(std::move(batch), own_item(copy, part));
}

}  // namespace

void count_embedding(MemoryNeed& need, std::size_t images, std::size_t kept) {
  need.hold("a network that embeds images", need.model.in_use, "a smaller network");
  need.hold(fmt::format("embeddings of {} images", images),
            need.model.embedding * static_cast<double>(images * kept), "fewer images to measure on");
  if (!need.images) return;  // a part is read, and changed by maps
  need.hold("images that are being embedded",
            2.0 * static_cast<double>(std::min(part, images) * need.images->size() * sizeof(float)));
}

Embeddings embed_images(const Model& model, std::shared_ptr<const PixelStore> store,
                        std::span<const std::size_t> images, const Passage& through, std::size_t copy,
                        SharedOut out) {
  if (!model.prepared_by.empty() && through.empty())
    throw Error(
        fmt::format("the model was trained on images that went through {}, but these do not: put such a map "
                    "into the graph and write from = {{ ..., through = \"...\" }}",
                    model.prepared_by));
  const std::size_t parts = (images.size() + part_size - 1) / part_size,
                    size = out.ranks ? static_cast<std::size_t>(out.ranks->size()) : 1,
                    rank = out.ranks ? static_cast<std::size_t>(out.ranks->rank()) : 0;
  const auto begin_of = [&](std::size_t r) { return std::min(parts * r / size * part_size, images.size()); };
  Embeddings all;
  for (std::size_t first = begin_of(rank); first < begin_of(rank + 1); first += part_size) {
    const ImageBatch batch = part_of(store, images, first / part_size, through, copy);
    const ImageShape found{batch.images.channels, batch.images.height, batch.images.width};
    if (found != model.image)
      throw Error(fmt::format("the model is for images of {}, but these are {}{}", model.image.text(),
                              found.text(), how_to_read(model.image, found, through)));
    const Embeddings made = model.embed(batch.images);
    if (all.count == 0) all.values.reserve((begin_of(rank + 1) - begin_of(rank)) * made.size);
    all.count += made.count;
    all.size = made.size;
    all.values.insert(all.values.end(), made.values.begin(), made.values.end());
  }
  if (!out.ranks) return all;
  Embeddings gathered(images.size(), output_shape(model.layers, model.image).size());
  std::vector<std::span<std::byte>> rows;
  for (std::size_t r = 0; r < size; ++r)
    rows.push_back(std::as_writable_bytes(
        std::span(gathered.values)
            .subspan(begin_of(r) * gathered.size, (begin_of(r + 1) - begin_of(r)) * gathered.size)));
  out.ranks->gather(out.channel, std::as_bytes(std::span(all.values)), rows, "embeddings to evaluate").get();
  return gathered;
}

bool same_images(const std::shared_ptr<const PixelStore>& store, std::span<const std::size_t> images,
                 const Passage& through) {
  std::vector<float> first;
  for (std::size_t part = 0; part * part_size < images.size(); ++part) {
    ImageBatch batch = part_of(store, images, part, through, 0);
    batch.images.read();
    if (part == 0) first.assign(batch.images.image(0), batch.images.image(0) + batch.images.image_size());
    for (std::size_t i = 0; i < batch.images.count; ++i)
      if (!std::equal(first.begin(), first.end(), batch.images.image(i))) return false;
  }
  return images.size() > 1;
}

void check_images(const Checking& checking, const std::string& input, const Passage& through,
                  const std::vector<std::string>& data) {
  const std::vector<std::string> prepared = checking.prepared_by("model");
  if (!goes_through(through.names(), prepared))
    return checking.error_at(
        {"from", input},
        fmt::format("the model is trained on images that go through '{}'{}, and has to be measured on such: "
                    "write from = {{ ..., {} = [\"{}\"] }}",
                    fmt::join(prepared, "' and '"), prepared.size() > 1 ? ", in this order" : "", input,
                    fmt::join(prepared, "\", \"")));
  const std::optional<ImageShape> trained = checking.image_shape("model");
  for (const std::string& one : data) {
    const std::optional<ImageShape> given = through.shape(checking.image_shape(one));
    if (trained && given && *trained != *given)
      checking.error_at({"from", one},
                        fmt::format("the model is for images of {}, but those of this data set are {}{}",
                                    trained->text(), given->text(), how_to_read(*trained, *given, through)));
  }
}

void require_one_shape(const Passage& through, const std::string& input, const Dataset& data,
                       const std::string& other_input, const Dataset& other) {
  const auto shape = [&](const PixelStore& store) {
    return through.shape(ImageShape{store.channels, store.height, store.width});
  };
  const std::optional<ImageShape> a = shape(*data.store), b = shape(*other.store);
  if (a && b && *a != *b)
    throw Error(fmt::format("the images of {}, '{}', are {}{}, but those of {}, '{}', are {}", input,
                            data.description, a->text(), once_through(through), other_input,
                            other.description, b->text()));
}

}  // namespace twinflow::twin
