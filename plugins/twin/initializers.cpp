#include <cmath>

#include "twinflow/plugin.h"
#include "twinflow/spec.h"
#include "twinflow/twin/initializer.h"

namespace twinflow::twin {
namespace {

/// Of a normal distribution cut at two deviations, as part of the deviation before the cut.
constexpr double cut_deviation = 0.87962566103423978;

double cut_normal(Random& random) {
  for (;;)
    if (const double drawn = random.normal(); std::abs(drawn) <= 2.0) return drawn;
}

/// N(mean, std). Nothing is drawn for std = 0.
class Normal : public Initializer {
 public:
  static void describe(Spec<Normal>& spec) {
    spec.summary("Normally distributed weights.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
init = { type = "normal", std = 0.2 }
bias_init = { type = "normal", mean = 0.5, std = 0.01 })");
    describe_numbers(spec);
  }
  double draw(Random& random, Fan) const override {
    return deviation == 0.0 ? mean : mean + deviation * random.normal();
  }

  double mean = 0.0, deviation = 0.05;

 protected:
  template <class Type>
  static void describe_numbers(Spec<Type>& spec) {
    spec.param("mean", &Normal::mean).doc("mean of the distribution");
    spec.param("std", &Normal::deviation).doc("standard deviation").min(0.0);
  }
};

/// N(mean, std), what lies more than 2 std from the mean drawn again: Keras' TruncatedNormal. As there, std
/// is that before the cut; the weights' own is 0.8796 of it.
class TruncatedNormal final : public Normal {
 public:
  static void describe(Spec<TruncatedNormal>& spec) {
    spec.summary("Normally distributed weights, none more than two deviations from the mean.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
init = { type = "truncated_normal", std = 0.02 })");
    describe_numbers(spec);
  }
  double draw(Random& random, Fan) const override {
    return deviation == 0.0 ? mean : mean + deviation * cut_normal(random);
  }
};

class Uniform final : public Initializer {
 public:
  static void describe(Spec<Uniform>& spec) {
    spec.summary("Weights uniform between two ends.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
init = { type = "uniform", low = -0.1, high = 0.1 })");
    spec.param("low", &Uniform::low).doc("lower end");
    spec.param("high", &Uniform::high).doc("upper end");
    spec.check(&Uniform::check);
  }
  void check(const Checking& checking) const {
    if (low > high)
      checking.error("low", "the low end " + ParamType<double>::text(low) + " is above the high end " +
                                ParamType<double>::text(high));
  }
  double draw(Random& random, Fan) const override { return random.uniform(low, high); }

 private:
  double low = -0.05, high = 0.05;
};

class Constant final : public Initializer {
 public:
  static void describe(Spec<Constant>& spec) {
    spec.summary("All weights the same.");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
bias_init = { type = "constant", value = 0.1 })");
    spec.param("value", &Constant::value).doc("of every weight");
  }
  double draw(Random&, Fan) const override { return value; }

  double value = 0.0;
};

/// Weights around 0 with the variance `numerator` / `denominator(fan)`. normal: N(0, sqrt(variance));
/// uniform: within sqrt(3 variance) of 0, which has that variance; truncated_normal: cut at two deviations,
/// and widened before so that the variance is right after the cut, as Keras' VarianceScaling does (its
/// he_normal, glorot_normal and lecun_normal are these). PyTorch's kaiming_normal_ and xavier_normal_ are
/// `normal`.
class Scaled : public Initializer {
 public:
  enum class Distribution { normal, truncated_normal, uniform };

  double draw(Random& random, Fan fan) const override {
    switch (distribution) {
      case Distribution::uniform: {
        const double limit = std::sqrt(3.0 * numerator_ / denominator(fan));
        return random.uniform(-limit, limit);
      }
      case Distribution::truncated_normal:
        return cut_normal(random) * std::sqrt(numerator_ / denominator(fan)) / cut_deviation;
      case Distribution::normal:
        break;
    }
    return random.normal() * std::sqrt(numerator_ / denominator(fan));
  }

 protected:
  Scaled(Distribution start, double numerator) : distribution(start), numerator_(numerator) {}
  virtual double denominator(Fan fan) const { return static_cast<double>(fan.in); }

  template <class Type>
  static void describe_distribution(Spec<Type>& spec) {
    spec.param("distribution", &Scaled::distribution)
        .names({{"normal", Distribution::normal},
                {"truncated_normal", Distribution::truncated_normal},
                {"uniform", Distribution::uniform}})
        .doc(
            "shape of the distribution; all have the same variance. Keras' *_normal are truncated_normal, "
            "PyTorch's are normal");
  }

 private:
  Distribution distribution;
  double numerator_;
};

/// He, Zhang, Ren & Sun 2015, "Delving deep into rectifiers", eq. 10: variance 2 / fan_in.
class He final : public Scaled {
 public:
  He() : Scaled(Distribution::normal, 2.0) {}
  static void describe(Spec<He>& spec) {
    spec.summary("Variance 2 / fan_in: for layers before a ReLU (He et al. 2015).");
    spec.example(R"([[node.twin.layer]]
type = "conv"
filters = 8
init = { type = "he", distribution = "uniform" })");
    describe_distribution(spec);
  }
};

/// Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks", eq. 12:
/// variance 2 / (fan_in + fan_out); eq. 16 is its uniform form.
class Glorot final : public Scaled {
 public:
  Glorot() : Scaled(Distribution::uniform, 2.0) {}
  static void describe(Spec<Glorot>& spec) {
    spec.summary("Variance 2 / (fan_in + fan_out): for layers before tanh or sigmoid (Glorot 2010).");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
init = { type = "glorot", distribution = "normal" })");
    describe_distribution(spec);
  }

 private:
  double denominator(Fan fan) const override { return static_cast<double>(fan.in + fan.out); }
};

/// LeCun, Bottou, Orr & Mueller 1998, "Efficient backprop", eq. 16: variance 1 / fan_in.
class LeCun final : public Scaled {
 public:
  LeCun() : Scaled(Distribution::normal, 1.0) {}
  static void describe(Spec<LeCun>& spec) {
    spec.summary("Variance 1 / fan_in: for layers before selu (LeCun et al. 1998).");
    spec.example(R"([[node.twin.layer]]
type = "dense"
units = 8
init = { type = "lecun", distribution = "truncated_normal" })");
    describe_distribution(spec);
  }
};

}  // namespace

std::shared_ptr<const Initializer> constant_initializer(double value) {
  auto made = std::make_shared<Constant>();
  made->type = "constant";
  made->value = value;
  return made;
}

std::shared_ptr<const Initializer> normal_initializer(double mean, double deviation) {
  auto made = std::make_shared<Normal>();
  made->type = "normal";
  made->mean = mean;
  made->deviation = deviation;
  return made;
}

TWINFLOW_COMPONENT("initializer", "normal", Normal)
TWINFLOW_COMPONENT("initializer", "truncated_normal", TruncatedNormal)
TWINFLOW_COMPONENT("initializer", "uniform", Uniform)
TWINFLOW_COMPONENT("initializer", "constant", Constant)
TWINFLOW_COMPONENT("initializer", "he", He)
TWINFLOW_COMPONENT("initializer", "glorot", Glorot)
TWINFLOW_COMPONENT("initializer", "lecun", LeCun)

}  // namespace twinflow::twin
