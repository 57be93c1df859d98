#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "twinflow/image_shape.h"

namespace twinflow {

class Run;  // twinflow/node.h

/// Something that a node holds while the run goes on.
struct MemoryPiece {
  std::string what;    // "the optimiser's slots"
  double bytes = 0;    // at most
  std::string advice;  // what makes it smaller, as "a smaller micro_batch"; may be empty
};

/// What the models that flow between two nodes take, in bytes. 0: there are none, or nobody knows.
struct ModelSize {
  double bytes = 0;      // one model, as it is sent
  double in_use = 0;     // the network that a node builds to embed images with a model
  double embedding = 0;  // the embedding of one image
};

/// For CountsMemory: what the graph says about what a node is fed, and what the node answers.
struct MemoryNeed {
  // Known before.
  std::optional<ImageShape> images;  // of the images that are fed in; empty where only the data will tell
  std::size_t batch = 0;  // images of a batch that is fed in, at most; 0: no batches, or nobody knows
  int shared = 1;         // ranks that share each of these batches
  ModelSize model;        // of the models that are fed in
  int threads = 1;
  double left = 0;  // bytes that the run may take in all

  // Answers. At first, what is fed in goes out.
  std::vector<MemoryPiece> pieces;
  std::size_t gives_batch = 0;
  ModelSize gives_model;

  void hold(std::string what, double bytes, std::string advice = "") {
    if (bytes > 0) pieces.push_back({std::move(what), bytes, std::move(advice)});
  }
};

/// A node that also derives from this says what it will hold in memory, as far as it is known: before any
/// node is open, so that a run that cannot fit is refused before data are read, and again once all are open.
/// What takes less than a megabyte need not be said.
class CountsMemory {
 public:
  virtual ~CountsMemory();
  /// Main thread. Reads no data. May throw Error.
  virtual void count_memory(MemoryNeed& need) = 0;
};

/// A node is about to take memory, for as long as the run lasts, that count_memory() could not know of.
/// Throws Error, which lists what all nodes hold, when it does not fit. For open() and the first item.
void will_hold(Run& run, std::string_view node, MemoryPiece piece);

/// A run that counts: will_hold() does nothing for others.
class MemoryKeeper {
 public:
  virtual ~MemoryKeeper();
  virtual void will_hold(std::string_view node, MemoryPiece piece) = 0;
};

}  // namespace twinflow
