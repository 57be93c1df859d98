#include "one_shot.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "collapse.h"
#include "finite.h"
#include "twinflow/dataset.h"

namespace twinflow::twin {
namespace {

using Block = TaskList::Block;

/// Some tasks of a block.
struct Part {
  const Block& block;
  std::size_t first, count;

  /// What a query is compared with: support images, or ways.
  template <class Column>
  std::vector<IndexPair> pairs(std::size_t columns, const Column& column) const {
    std::vector<IndexPair> all;
    all.reserve(count * block.queries * columns);
    for (std::size_t task = first; task < first + count; ++task)
      for (std::size_t query = 0; query < block.queries; ++query)
        for (std::size_t c = 0; c < columns; ++c) all.push_back(column(task, query, c));
    return all;
  }
};

/// `distances`: of a part, for each query to each column, into that span of Numbers.
template <class Number, class Distances>
OneShotScore score(const TaskList& tasks, Classify classify, std::size_t tasks_at_once,
                   const Distances& distances, const Told& told) {
  constexpr std::size_t pairs_at_once = 1 << 20;
  OneShotScore all;
  double right = 0.0;
  std::vector<Number> d;
  std::vector<Answered> answers;
  Number first_distance = 0;
  bool alike = true;
  for (const Block& block : tasks.blocks()) {
    const std::size_t columns = classify == Classify::prototype ? block.way_count : block.ways.size();
    const std::size_t most =
        std::max<std::size_t>(1, std::min(tasks_at_once, pairs_at_once / (columns * block.queries)));
    for (std::size_t first = 0; first < block.tasks(); first += most) {
      const Part part{block, first, std::min(most, block.tasks() - first)};
      const std::size_t queries = part.count * block.queries;
      d.resize(queries * columns);
      distances(part, columns, std::span(d));
      if (!std::all_of(d.begin(), d.end(), [](Number one) { return std::isfinite(one); }))
        throw NotFinite("the model gives distances that are not finite numbers");
      if (all.trials == 0) first_distance = d[0];
      alike = alike && std::all_of(d.begin(), d.end(), [&](Number one) { return one == first_distance; });

      answers.resize(queries);
      tbb::parallel_for(tbb::blocked_range<std::size_t>(0, queries, 64), [&](const auto& range) {
        std::vector<double> far, shots;
        for (std::size_t i = range.begin(); i != range.end(); ++i) {
          const std::size_t task = first + i / block.queries;
          write_class_distances<Number>(classify, std::span(d).subspan(i * columns, columns), block.ways,
                                        block.way_count, far, shots);
          const auto nearest = std::min_element(far.begin(), far.end());
          const std::int32_t truth = block.answers[first * block.queries + i];
          const double to_right = far[static_cast<std::size_t>(truth)];
          const bool found = to_right == *nearest;
          answers[i] = {block.support(task),
                        block.ways,
                        block.query(task, i % block.queries),
                        truth,
                        found ? truth : static_cast<std::int32_t>(nearest - far.begin()),
                        found ? 1.0 / static_cast<double>(std::count(far.begin(), far.end(), *nearest)) : 0.0,
                        to_right,
                        *nearest};
        }
      });
      for (const Answered& one : answers) {
        right += one.score;
        if (told) told(one);
      }
      all.trials += queries;
    }
  }
  all.accuracy = right / static_cast<double>(all.trials);
  all.interval = wilson_interval(right, all.trials);
  all.collapsed = alike;
  return all;
}

/// Of each task the means of its ways' shots, and then its queries.
Embeddings prototypes(const Part& part, const Embedded& images) {
  const Block& block = part.block;
  const std::size_t rows = block.way_count + block.queries, size = images.e.size;
  Embeddings made(part.count * rows, size);
  tbb::parallel_for(std::size_t{0}, part.count, [&](std::size_t i) {
    const std::span<const std::uint32_t> support = block.support(part.first + i);
    std::vector<const float*> shots;
    for (const std::uint32_t image : support) shots.push_back(images.e.row(images.row[image]));
    write_prototypes(shots, block.ways, size, block.way_count, made.row(i * rows));
    for (std::size_t query = 0; query < block.queries; ++query)
      std::copy_n(images.e.row(images.row[block.query(part.first + i, query)]), size,
                  made.row(i * rows + block.way_count + query));
  });
  return made;
}

}  // namespace

Interval wilson_interval(double successes, std::size_t trials) {
  constexpr double z = 1.959963984540054;  // 97.5 % of a normal distribution lies below
  const double n = static_cast<double>(trials), p = successes / n;
  const double centre = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
  const double half = z / (1.0 + z * z / n) * std::sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

OneShotScore score_tasks(const TaskList& tasks, Classify classify, const Embedded& images, const Told& told) {
  constexpr std::size_t numbers_at_once = 1 << 22;  // of prototypes
  std::size_t tasks_at_once = std::size_t{1} << 20;
  if (classify == Classify::prototype)
    for (const Block& block : tasks.blocks())
      tasks_at_once =
          std::min(tasks_at_once, numbers_at_once / ((block.way_count + block.queries) * images.e.size));
  OneShotScore made = score<float>(
      tasks, classify, tasks_at_once,
      [&](const Part& part, std::size_t columns, std::span<float> d) {
        const Block& block = part.block;
        if (classify == Classify::prototype) {
          const std::size_t rows = block.way_count + block.queries;
          const auto pairs = part.pairs(columns, [&](std::size_t task, std::size_t query, std::size_t way) {
            const std::size_t at = (task - part.first) * rows;
            return IndexPair{static_cast<std::uint32_t>(at + way),
                             static_cast<std::uint32_t>(at + block.way_count + query)};
          });
          return images.distance.forward(prototypes(part, images), pairs, images.weights, d);
        }
        const auto pairs = part.pairs(columns, [&](std::size_t task, std::size_t query, std::size_t s) {
          return IndexPair{images.row[block.support(task)[s]], images.row[block.query(task, query)]};
        });
        images.distance.forward(images.e, pairs, images.weights, d);
      },
      told);
  made.collapsed = made.collapsed || all_alike(images.e);
  return made;
}

OneShotScore score_pixels(const TaskList& tasks, const PixelStore& store) {
  constexpr std::size_t tasks_at_once = 4096;
  return score<double>(  // squared, which a float would round
      tasks, Classify::nearest, tasks_at_once,
      [&](const Part& part, std::size_t columns, std::span<double> d) {
        tbb::parallel_for(std::size_t{0}, part.count * part.block.queries, [&](std::size_t i) {
          const std::size_t task = part.first + i / part.block.queries;
          std::vector<std::uint8_t> query_room, room;
          const auto query = store.look(part.block.query(task, i % part.block.queries), query_room);
          for (std::size_t s = 0; s < columns; ++s) {
            const auto shown = store.look(part.block.support(task)[s], room);
            std::int64_t squares = 0;
            for (std::size_t k = 0; k < query.size(); ++k) {
              const int gap = int{query[k]} - int{shown[k]};
              squares += gap * gap;
            }
            d[i * columns + s] = static_cast<double>(squares);
          }
        });
      },
      {});
}

}  // namespace twinflow::twin
