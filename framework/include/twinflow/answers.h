#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "twinflow/dataset.h"

namespace twinflow {

/// How a query of an N-way k-shot task was answered. Images are named by their index in the data set's store.
struct Answer {
  std::size_t query = 0;
  std::vector<std::size_t> right, given;  // the support images of the right class, and of the class answered
  double distance_to_right = 0.0, distance_to_given = 0.0;  // as the model sees them
};

/// How often a model answered wrongly, and queries that it did, for people to look at.
struct WrongAnswers {
  static constexpr const char* port_type = "wrong answers";
  std::string node;         // that measured
  std::uint64_t epoch = 0;  // counted from 0
  std::uint64_t step = 0;   // optimiser updates made when it was measured
  std::string protocol;     // how it was measured, in words
  std::size_t trials = 0;   // queries, the right ones included
  std::size_t wrong = 0;    // of them, whether or not they are among the answers
  std::size_t tied = 0;     // of them: several classes were as near as the right one, and none nearer
  bool collapsed = false;   // the model tells no image from another: the counts mean nothing, and there are
                            // no answers
  std::shared_ptr<const PixelStore> store;
  std::vector<Answer> answers;  // wrong ones, the most wrong first; where they are too many, only these

  /// Throws Error where an answer names an image that is not in the store.
  void validate() const;
};

}  // namespace twinflow
