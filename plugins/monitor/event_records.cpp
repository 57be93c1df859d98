#include "event_records.h"

#include <algorithm>
#include <bit>
#include <boost/crc.hpp>
#include <chrono>
#include <cmath>
#include <limits>

namespace twinflow::monitor {
namespace {

static_assert(std::endian::native == std::endian::little);

template <class Number>
void append(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::vector<double> limits_of_buckets() {
  std::vector<double> limits;
  for (double limit = 1e-12; limit < 1e20; limit *= 1.1) limits.push_back(limit);
  limits.push_back(std::numeric_limits<double>::max());
  std::vector<double> all;
  for (auto one = limits.rbegin(); one != limits.rend(); ++one) all.push_back(-*one);
  all.push_back(0);
  all.insert(all.end(), limits.begin(), limits.end());
  return all;
}

/// For each upper half of a float, the bucket of the least value that has it: any other is there or, since
/// buckets are much wider, in the next one.
std::vector<std::uint16_t> first_buckets(const std::vector<double>& limits) {
  std::vector<std::uint16_t> all(1 << 16);
  for (std::uint32_t upper = 0; upper < all.size(); ++upper) {
    const double least =
        std::min(std::bit_cast<float>(upper << 16), std::bit_cast<float>(upper << 16 | 0xFFFF));
    if (std::isfinite(least))
      all[upper] =
          static_cast<std::uint16_t>(std::upper_bound(limits.begin(), limits.end(), least) - limits.begin());
  }
  return all;
}

}  // namespace

std::uint32_t masked_crc(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  const std::uint32_t sum = crc.checksum();
  return std::rotr(sum, 15) + 0xa282ead8;
}

std::string record(const events::Event& event) {
  const std::string data = event.SerializeAsString();
  std::string bytes;
  append<std::uint64_t>(bytes, data.size());
  append(bytes, masked_crc(bytes));
  bytes += data;
  append(bytes, masked_crc(data));
  return bytes;
}

events::Event event_at(std::uint64_t step) {
  events::Event event;
  event.set_wall_time(
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  event.set_step(static_cast<std::int64_t>(step));
  return event;
}

events::HistogramProto histogram_of(const std::vector<float>& values) {
  static const std::vector<double> limits = limits_of_buckets();
  static const std::vector<std::uint16_t> first = first_buckets(limits);
  std::vector<std::uint64_t> counts(limits.size());
  events::HistogramProto histogram;
  double least = std::numeric_limits<double>::infinity(), greatest = -least, sum = 0, squares = 0;
  std::uint64_t count = 0;
  for (const float one : values) {
    if (!std::isfinite(one)) continue;
    const double value = one;
    std::size_t bucket = first[std::bit_cast<std::uint32_t>(one) >> 16];
    while (value >= limits[bucket]) ++bucket;
    ++counts[bucket];
    ++count;
    least = std::min(least, value);
    greatest = std::max(greatest, value);
    sum += value;
    squares += value * value;
  }
  if (count == 0) return histogram;
  histogram.set_min(least);
  histogram.set_max(greatest);
  histogram.set_num(static_cast<double>(count));
  histogram.set_sum(sum);
  histogram.set_sum_squares(squares);
  for (std::size_t i = 0; i < limits.size(); ++i) {
    if (counts[i] == 0 && i + 1 < limits.size() && counts[i + 1] == 0) continue;
    histogram.add_bucket_limit(limits[i]);
    histogram.add_bucket(static_cast<double>(counts[i]));
  }
  return histogram;
}

}  // namespace twinflow::monitor
