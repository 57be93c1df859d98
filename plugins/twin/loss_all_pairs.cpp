#include <algorithm>
#include <cmath>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/plugin.h"
#include "twinflow/twin/loss.h"

namespace twinflow::twin {
namespace {

/// All-pairs cross-entropy of a class batch of N images. With similarities s_ij = -scale d_ij, each image i
/// is asked which of the others shows its class:
///
///   loss_i = log sum_{j != i} exp(s_ij) - mean_{p in P_i} s_ip,    P_i: the other images of i's class
///
/// and the loss is the mean of loss_i over the images i for which P_i is not empty. It is N-pairs
/// cross-entropy (Sohn 2016) over every anchor of the batch, with the mean over positives outside the
/// logarithm (Khosla et al. 2020, "Supervised contrastive learning", equation 2; scale is one over their
/// temperature).
///
///   dloss_i/ds_ij = softmax_ij - [j in P_i] / |P_i|;  a distance d_ij takes part in loss_i and loss_j.
///
/// Label smoothing s takes s of the target, [j in P_i] / |P_i|, and shares it out among all others alike:
/// (1 - s) [j in P_i] / |P_i| + s / (N - 1) (Szegedy et al. 2016, section 7).
///
/// Worked in f64: N^2 numbers are little beside a network.
class AllPairsLoss final : public Loss {
 public:
  static void describe(Spec<AllPairsLoss>& spec) {
    spec.summary("Cross-entropy of finding an image's class among all other images of the batch.");
    spec.example(R"([node.twin]
distance = "cosine"
loss = { type = "all_pairs", scale = 10.0 })");
    spec.param("scale", &AllPairsLoss::scale)
        .doc("similarity per unit of distance: the larger, the more the nearest wrong images count")
        .min(1e-6);
    spec.param("label_smoothing", &AllPairsLoss::label_smoothing)
        .doc("part of the answer that is shared out among all other images, right or wrong")
        .range(0.0, 1.0);
  }

  bool takes_pairs() const override { return false; }

  double value(const Labels& labels, std::span<const IndexPair> pairs, std::span<const float> d,
               std::span<float> gradient_d) const override {
    const std::size_t count = labels.classes.size();
    std::vector<double> table(count * count);  // similarities; row i becomes dloss_i/ds_ij
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      const auto [a, b] = pairs[p];
      table[a * count + b] = table[b * count + a] = -scale * static_cast<double>(d[p]);
    }
    double sum = 0.0;
    std::size_t anchors = 0;
    for (std::size_t i = 0; i < count; ++i) {
      double loss = 0.0;
      if (anchor(labels.classes, i, table.data() + i * count, loss)) sum += loss, ++anchors;
    }
    if (count > 1 && std::all_of(labels.classes.begin(), labels.classes.end(),
                                 [&](std::int32_t one) { return one == labels.classes[0]; }))
      throw Error("the loss all_pairs needs images of at least two classes in a batch; all " +
                  std::to_string(count) + " of this batch are of one class");
    if (anchors == 0)
      throw Error("the loss all_pairs needs classes with at least two images in a batch; this batch of " +
                  std::to_string(count) + " has none");
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      const auto [a, b] = pairs[p];
      gradient_d[p] = static_cast<float>(-scale / static_cast<double>(anchors) *
                                         (table[a * count + b] + table[b * count + a]));
    }
    return sum / static_cast<double>(anchors);
  }

 private:
  /// The loss of anchor i; its row of similarities is overwritten with the gradient. False, and a row of
  /// zeros, for an image that is alone in its class.
  bool anchor(const std::vector<std::int32_t>& classes, std::size_t i, double* row, double& loss) const {
    const std::size_t count = classes.size();
    const std::size_t positives =
        static_cast<std::size_t>(std::count(classes.begin(), classes.end(), classes[i])) - 1;
    if (positives == 0) {
      std::fill(row, row + count, 0.0);
      return false;
    }
    const double right = (1.0 - label_smoothing) / static_cast<double>(positives),
                 any = label_smoothing / static_cast<double>(count - 1);
    double highest = -HUGE_VAL, positive_sum = 0.0, all_sum = 0.0, sum = 0.0;
    for (std::size_t j = 0; j < count; ++j) {
      if (j == i) continue;
      highest = std::max(highest, row[j]);
      all_sum += row[j];
      if (classes[j] == classes[i]) positive_sum += row[j];
    }
    for (std::size_t j = 0; j < count; ++j)
      if (j != i) sum += row[j] = std::exp(row[j] - highest);
    loss = highest + std::log(sum) - right * positive_sum - any * all_sum;
    for (std::size_t j = 0; j < count; ++j) {
      row[j] = row[j] / sum - any;
      if (classes[j] == classes[i]) row[j] -= right;
    }
    row[i] = 0.0;
    return true;
  }

  double scale = 16.0, label_smoothing = 0.0;
};

}  // namespace

TWINFLOW_COMPONENT("loss", "all_pairs", AllPairsLoss)

}  // namespace twinflow::twin
