#include "twinflow/passage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crash_report.h"
#include "twinflow/node.h"

namespace twinflow {

std::vector<std::string> Passage::names() const {
  std::vector<std::string> all;
  for (const Stop& stop : stops_) all.push_back(stop.name);
  return all;
}

std::optional<ImageShape> Passage::shape(std::optional<ImageShape> images) const {
  for (const Stop& stop : stops_)
    images = leaving_shape(*stop.info, *stop.node,
                           {{stop.info->inputs.front().name, typeid(ImageBatch), images, {}}});
  return images;
}

ImageBatch Passage::apply(ImageBatch batch, const Item& item) const {
  const std::size_t count = batch.images.count;
  Parcel parcel = Parcel::pack(std::move(batch));
  for (const Stop& stop : stops_) {
    parcel.sole = true;
    std::vector<Parcel> parcels;
    for (const InputInfo& port : stop.info->inputs)
      if (port.streamed()) parcels.push_back(parcels.empty() ? parcel : Parcel{});
    const InCodeOf here(stop.name, *stop.info, &item);
    try {
      parcel = stop.info->apply(*stop.node, parcels, item);
    } catch (const Error& error) {  // thrown in a map, but reported by the node that sends images through it
      throw Error(fmt::format("in node '{}' ({}): {}", stop.name, stop.info->type, error.what()));
    }
  }
  parcel.sole = true;
  auto passed = parcel.take<ImageBatch>();
  make_ready(passed);
  if (passed.images.count != count)
    throw Error(fmt::format("{} images were sent through {}, and {} came back", count,
                            fmt::join(names(), ", "), passed.images.count));
  return passed;
}

}  // namespace twinflow
