#include "proxies.h"

#include <algorithm>
#include <cmath>

#include "loops.h"
#include "matrix_product.h"

namespace twinflow::twin {
namespace {

/// Vectors, row-major, each brought to length 1; one of zeros stays.
struct UnitRows {
  UnitRows(const std::vector<float>& rows, std::size_t size)
      : values(rows), lengths(rows.size() / size), size_(size) {
    parallel_ranges(lengths.size(), 256, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        float* row = values.data() + i * size_;
        lengths[i] = std::sqrt(dot(row, row));
        if (lengths[i] > 0.0)
          for (std::size_t k = 0; k < size_; ++k) row[k] = static_cast<float>(row[k] / lengths[i]);
      }
    });
  }

  /// Adds to `out` the gradient of the rows as they were, from `g`, that of the unit rows.
  void add_slope(const Matrix& g, std::vector<float>& out) const {
    parallel_ranges(lengths.size(), 256, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        if (lengths[i] == 0.0) continue;
        const float *row = values.data() + i * size_, *slope = g.data() + i * size_;
        const auto along = static_cast<float>(dot(row, slope)), by = static_cast<float>(1.0 / lengths[i]);
        for (std::size_t k = 0; k < size_; ++k) out[i * size_ + k] += by * (slope[k] - along * row[k]);
      }
    });
  }

  Matrix values;
  std::vector<double> lengths;

 private:
  double dot(const float* a, const float* b) const {
    double sum = 0.0;
    for (std::size_t k = 0; k < size_; ++k) sum += static_cast<double>(a[k]) * static_cast<double>(b[k]);
    return sum;
  }
  std::size_t size_;
};

}  // namespace

void ProxyTask::describe(TableSpec<ProxyTask>& spec) {
  spec.param("weight", &ProxyTask::weight).doc("of this loss, beside the pairs' own").min(0.0);
  spec.param("scale", &ProxyTask::scale)
      .doc("of the cosines: the larger, the more the nearest wrong classes count")
      .min(1e-6);
  spec.param("margin", &ProxyTask::margin)
      .doc("by how much larger the cosine to the own proxy has to be for the same loss")
      .range(0.0, 1.0);
}

Proxies::Proxies(const ProxyTask& task, std::size_t classes, std::size_t embedding_size, Random& random)
    : weights(classes * embedding_size), gradient(weights.size()), task_(task), size_(embedding_size) {
  for (float& weight : weights) weight = static_cast<float>(random.normal());
  weights = UnitRows(weights, size_).values;
}

double Proxies::add_to(Embeddings& gradient_e, const Embeddings& e, std::span<const std::int32_t> ids) {
  const UnitRows images(e.values, size_), proxies(weights, size_);
  const std::size_t count = e.count, all = classes();
  Matrix table =
      product({images.values, size_}, {proxies.values, size_, true}, count, size_, all);  // cosines
  std::vector<double> losses(count);
  parallel_each(count, [&](std::size_t i) {  // a row becomes weight scale dL/ds
    const std::span<float> row(table.data() + i * all, all);
    float& own = row[static_cast<std::size_t>(ids[i])];
    own -= static_cast<float>(task_.margin);
    const auto scale = static_cast<float>(task_.scale);
    const float highest = *std::max_element(row.begin(), row.end());
    const double ahead = task_.scale * (static_cast<double>(highest) - static_cast<double>(own));
    double sum = 0.0;
    for (float& one : row) sum += static_cast<double>(one = std::exp(scale * (one - highest)));
    losses[i] = std::log(sum) + ahead;
    const double part = task_.weight * task_.scale / static_cast<double>(count);
    for (float& one : row) one *= static_cast<float>(part / sum);
    own -= static_cast<float>(part);
  });
  images.add_slope(product({table, all}, {proxies.values, size_}, count, all, size_), gradient_e.values);
  proxies.add_slope(product({table, all, true}, {images.values, size_}, all, count, size_), gradient);
  double sum = 0.0;
  for (const double one : losses) sum += one;
  return sum / static_cast<double>(count);
}

}  // namespace twinflow::twin
