#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "twinflow/dataset.h"
#include "twinflow/images.h"
#include "twinflow/testing.h"

/// Batches of sample.pairs, from the first on.
inline std::vector<twinflow::PairBatch> draw_many(const twinflow::Dataset& data, const std::string& toml,
                                                  std::uint64_t count) {
  twinflow::testing::Bench bench("sample.pairs", toml);
  bench.constant("data", data);
  std::vector<twinflow::PairBatch> batches;
  for (std::uint64_t i = 0; i < count; ++i)
    batches.push_back(bench.make<twinflow::PairBatch>({.index = i, .step = i}));
  return batches;
}

/// What sample.pairs says of such a data set; "" when it draws from it.
inline std::string failure(const twinflow::Dataset& data, const std::string& toml) {
  try {
    draw_many(data, toml, 1);
  } catch (const twinflow::Error& error) {
    return error.what();
  }
  return "";
}
