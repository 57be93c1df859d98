// What the tests of flowtune search in: a metric that is a closed formula, so that its best place is known.
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "twinflow/plugin.h"

namespace {

struct Tick {
  static constexpr const char* port_type = "tick";
};

class Ticks final : public twinflow::Source<Tick> {
 public:
  static void describe(twinflow::NodeSpec<Ticks>& spec) {
    spec.summary("An endless stream of nothing.");
    spec.param("seconds", &Ticks::seconds).doc("that each item takes").min(0.0);
  }
  Tick make(const twinflow::Item&) const override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
    return {};
  }

 private:
  double seconds = 0;
};

/// After epoch e, counted from 0: (1 - (x - 0.3)^2 - (y - 0.7)^2 - (n - 5)^2 / 100) (1 - 2^-(e + 1)) plus
/// noise by the run's seed. Best at x = 0.3, y = 0.7, n = 5; whoever is ahead stays ahead.
class Bowl final : public twinflow::Stateful<Tick> {
 public:
  static void describe(twinflow::NodeSpec<Bowl>& spec) {
    spec.summary("Reports how near its parameters are to the best ones.");
    spec.param("x", &Bowl::x).range(0.0, 1.0);
    spec.param("y", &Bowl::y).range(0.0, 1.0);
    spec.param("n", &Bowl::n).range(1, 64);
    spec.param("points", &Bowl::points).doc("in place of x and y, where there are two");
    spec.param("noise", &Bowl::noise).doc("its standard deviation").min(0.0);
    spec.param("fails", &Bowl::fails).doc("beyond this x the run fails");
    spec.metric("score", "1 at the best", twinflow::Better::higher);
    spec.metric("miss", "1 - score", twinflow::Better::lower);
  }
  void process(Tick, const twinflow::Item&) override {}
  void finish_epoch(const twinflow::Item& last) override {
    if (x > fails) throw std::runtime_error("x is " + std::to_string(x) + ", too much for this bowl");
    const double px = points.size() == 2 ? points[0] : x, py = points.size() == 2 ? points[1] : y;
    const double away = static_cast<double>(n) - 5;
    double value = 1 - (px - 0.3) * (px - 0.3) - (py - 0.7) * (py - 0.7) - away * away / 100;
    double left = 1;
    for (std::uint64_t epoch = 0; epoch <= last.epoch; ++epoch) left /= 2;
    value = value * (1 - left) + noise * random(last, "noise").normal();
    report(last, {{"score", value}, {"miss", 1 - value}});
  }

 private:
  double x = 0.5, y = 0.5, noise = 0, fails = 2;
  std::int64_t n = 5;
  std::vector<double> points;
};

}  // namespace

TWINFLOW_NODE("test.ticks", Ticks)
TWINFLOW_NODE("test.bowl", Bowl)
TWINFLOW_PLUGIN("bowl", "1.0.0", "TwinFlow", "A search whose best place is known.")
