#include <algorithm>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {
namespace {

/// The triplet loss of a class batch: an anchor a, an image p of its class and an image n of another one,
///
///   loss(a, p, n) = max(0, margin + d_ap - d_an)
///
/// (Schroff, Kalenichenko and Philbin 2015, "FaceNet", equation 2, there of squared Euclidean distances.)
/// Which triplets are looked at:
///
///   all        every one; the loss is the mean of those that are above 0, and 0 where there is none
///              ("batch all" of Hermans, Beyer and Leibe 2017, with the mean that they found the better one)
///   semi_hard  for every a and p one n: the nearest with d_an > d_ap, or, where no other class is farther
///              than p, the farthest. Mean over all (a, p). (FaceNet, section 3.2; without such an n as
///              TensorFlow Addons has it.)
///   hard       for every a the farthest p and the nearest n. Mean over all a that have both. ("batch hard"
///              of Hermans et al., equation 5)
///
/// dloss/dd_ap = 1, dloss/dd_an = -1, where the loss is above 0, over the number of terms. Of images equally
/// far the first is taken.
class TripletLoss final : public Loss {
 public:
  static void describe(Spec<TripletLoss>& spec) {
    spec.summary(
        "Images of an anchor's class have to be nearer to it than all others, by a margin (FaceNet).");
    spec.example(R"([node.twin]
distance = "squared_l2"
loss = { type = "triplet", margin = 0.2, mining = "semi_hard" })");
    spec.param("margin", &TripletLoss::margin).doc("by how much nearer").min(1e-6);
    spec.param("mining", &TripletLoss::mining)
        .names({{"all", Mining::all}, {"semi_hard", Mining::semi_hard}, {"hard", Mining::hard}})
        .doc(
            "which images of other classes a pair is compared with: all; the nearest that is farther than "
            "its own; or the nearest, and only with the farthest of its own class");
  }

  bool takes_pairs() const override { return false; }
  bool takes_logits() const override { return false; }

  double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    Sum sum{labels.classes.size(), d, std::vector<std::size_t>(labels.classes.size() * labels.classes.size()),
            std::vector<double>(pairs.size())};
    for (std::size_t i = 0; i < pairs.size(); ++i)
      sum.at[pairs[i].a * sum.count + pairs[i].b] = sum.at[pairs[i].b * sum.count + pairs[i].a] = i;
    bool any = false;
    for (std::size_t a = 0; a < sum.count; ++a) {
      std::vector<std::size_t> positive, negative;  // pairs with a
      for (std::size_t other = 0; other < sum.count; ++other)
        if (other != a)
          (labels.classes[other] == labels.classes[a] ? positive : negative)
              .push_back(sum.at[a * sum.count + other]);
      if (positive.empty() || negative.empty()) continue;
      any = true;
      anchor(positive, negative, sum);
    }
    if (!any)
      throw Error(
          "the loss triplet needs a class with two images and an image of another class in a batch; this "
          "batch of " +
          std::to_string(sum.count) + " has none");
    const double terms = static_cast<double>(std::max<std::size_t>(sum.terms, 1));
    for (std::size_t i = 0; i < pairs.size(); ++i) gradient_d[i] = static_cast<float>(sum.slope[i] / terms);
    return sum.loss / terms;
  }

 private:
  enum class Mining { all, semi_hard, hard };

  struct Sum {
    std::size_t count;            // images
    std::span<const float> d;     // of the pairs
    std::vector<std::size_t> at;  // count x count: which pair it is
    std::vector<double> slope;    // of the pairs
    double loss = 0.0;
    std::size_t terms = 0;
  };

  void add(std::size_t p, std::size_t n, Sum& sum) const {
    const double loss = margin + static_cast<double>(sum.d[p]) - static_cast<double>(sum.d[n]);
    const bool active = !(loss <= 0.0);  // what is not a number shows
    if (active || mining != Mining::all) ++sum.terms;
    if (!active) return;
    sum.loss += loss;
    sum.slope[p] += 1.0;
    sum.slope[n] -= 1.0;
  }

  void anchor(const std::vector<std::size_t>& positive, const std::vector<std::size_t>& negative,
              Sum& sum) const {
    const auto nearer = [&](std::size_t a, std::size_t b) { return sum.d[a] < sum.d[b]; };
    if (mining == Mining::hard)
      return add(*std::max_element(positive.begin(), positive.end(), nearer),
                 *std::min_element(negative.begin(), negative.end(), nearer), sum);
    for (const std::size_t p : positive) {
      if (mining == Mining::all) {
        for (const std::size_t n : negative) add(p, n, sum);
        continue;
      }
      std::size_t chosen = negative[0];
      for (const std::size_t n : negative) {
        const bool outside = sum.d[n] > sum.d[p], chosen_outside = sum.d[chosen] > sum.d[p];
        if (outside ? !chosen_outside || nearer(n, chosen) : !chosen_outside && nearer(chosen, n)) chosen = n;
      }
      add(p, chosen, sum);
    }
  }

  double margin = 0.2;
  Mining mining = Mining::semi_hard;
};

}  // namespace

TWINFLOW_COMPONENT("loss", "triplet", TripletLoss)

}  // namespace twinflow::twin
