#pragma once

#include <cstddef>

#include "twinflow/images.h"
#include "twinflow/node.h"

namespace twinflow::augment {

/// An augmentation that keeps the size: every image of a batch, twins included, is changed where it lies,
/// with a probability and by random numbers of its own.
class EachImage : public Map<AnyBatch, AnyBatch> {
 public:
  static constexpr bool takes_share = true;
  void check(const Checking& checking) const;
  AnyBatch apply(AnyBatch batch, const Item& item) const final;

 protected:
  /// Called for several images at once, only for those whose coin says so.
  virtual void change(Images& images, std::size_t i, Random& random) const = 0;

  template <class Type>
  static void describe_probability(NodeSpec<Type>& spec) {
    spec.param("probability", &EachImage::probability).range(0, 1).doc("that an image is changed");
  }
  template <class Type>
  static void describe_twins(NodeSpec<Type>& spec) {
    spec.param("same_for_both", &EachImage::same_for_both)
        .doc("whether both images of a pair are changed alike; else each by itself");
    spec.check(&EachImage::check);
  }

  double probability = 1;
  bool same_for_both = false;
};

}  // namespace twinflow::augment
