#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/monitor/events.pb.h"  // made of events.proto

namespace twinflow::monitor {

/// CRC-32C (Castagnoli), rotated and shifted so that a checksum of what holds checksums is none by chance.
std::uint32_t masked_crc(std::string_view bytes);

/// The event as a record of an event file: u64 length, its masked CRC, the event, its masked CRC; all
/// little-endian.
std::string record(const events::Event& event);

/// An event of now.
events::Event event_at(std::uint64_t step);

/// A histogram of the values that are finite, in TensorFlow's buckets (tsl/lib/histogram/histogram.cc): a
/// tenth wider each, from 1e-12 to 1e20, both ways. Buckets without values are joined. Empty where there is
/// no finite value.
events::HistogramProto histogram_of(const std::vector<float>& values);

}  // namespace twinflow::monitor
