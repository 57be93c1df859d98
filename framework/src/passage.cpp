#include "twinflow/passage.h"

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
  Parcel parcel = Parcel::pack(std::move(batch));
  for (const Stop& stop : stops_) {
    parcel.sole = true;
    std::vector<Parcel> parcels;
    for (const InputInfo& port : stop.info->inputs)
      if (port.streamed()) parcels.push_back(parcels.empty() ? parcel : Parcel{});
    parcel = stop.info->apply(*stop.node, parcels, item);
  }
  parcel.sole = true;
  auto passed = parcel.take<ImageBatch>();
  make_ready(passed);
  return passed;
}

}  // namespace twinflow
