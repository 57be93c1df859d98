// A plugin whose nodes crash, exit and throw where they are told to.
#include <tbb/parallel_for.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "number.h"
#include "twinflow/plugin.h"

using namespace twinflow;

namespace {

enum class How { nothing, segv, fpe, abort, stack, thread, loop, exit, throws };

int deeper(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : deeper(depth + 1) + frame[0];
}

void crash(How how) {
  const auto segv = [] {
    volatile int* const nowhere = nullptr;
    *nowhere = 1;
  };
  switch (how) {
    case How::nothing:
      return;
    case How::segv:
      return segv();
    case How::fpe:
      std::raise(SIGFPE);
      return;
    case How::abort:
      std::abort();
    case How::stack:
      std::exit(deeper(0));
    case How::thread:
      std::thread([] { throw std::runtime_error("out of apples"); }).join();
      return;
    case How::loop:
      tbb::parallel_for(0, 1000, [&](int) { segv(); });
      return;
    case How::exit:
      std::exit(0);
    case How::throws:
      throw std::runtime_error("out of pears");
  }
}

/// $CRASHING_CONSTRUCTOR is what a constructor does.
How in_constructor() {
  const char* const text = std::getenv("CRASHING_CONSTRUCTOR");
  return !text ? How::nothing : std::string(text) == "segv" ? How::segv : How::throws;
}

class Make final : public Source<PluginNumber> {
 public:
  static void describe(NodeSpec<Make>& spec) { spec.summary("Makes numbers."); }
  PluginNumber make(const Item&) const override { return {1}; }
};
TWINFLOW_NODE("crashing.make", Make)

/// A component: it is made and checked with the node that has it.
class Part {
 public:
  using Base = Part;
  static constexpr const char* family = "part";
  std::string type;
  virtual ~Part() = default;
};
class Plain final : public Part {
 public:
  static void describe(Spec<Plain>& spec) {
    spec.summary("Checks itself.");
    spec.param("how", &Plain::how).names({{"nothing", How::nothing}, {"throws", How::throws}});
    spec.check(&Plain::check);
  }
  void check(const Checking&) const { crash(how); }

 private:
  How how = How::nothing;
};
TWINFLOW_COMPONENT("part", "plain", Plain)

class Pass final : public Stateful<PluginNumber> {
 public:
  static void describe(NodeSpec<Pass>& spec) {
    spec.summary("Passes numbers on.");
    spec.param("where", &Pass::where).doc("check, open, process, later, save or close");
    spec.param("how", &Pass::how)
        .names({{"nothing", How::nothing},
                {"segv", How::segv},
                {"fpe", How::fpe},
                {"abort", How::abort},
                {"stack", How::stack},
                {"thread", How::thread},
                {"loop", How::loop},
                {"exit", How::exit},
                {"throws", How::throws}})
        .doc("what happens there");
    spec.param("part", &Pass::part);
    spec.check(&Pass::check);
  }
  Pass() { crash(in_constructor()); }
  void check(const Checking&) const { at("check"); }
  void open() override { at("open"); }
  void process(PluginNumber, const Item& item) override {
    if (item.step != 5) return;
    at("process");
    if (where == "later") run().later("a file", [this] { crash(how); }).wait();
  }
  State save() const override {
    at("save");
    return {};
  }
  void close() override { at("close"); }

 private:
  void at(const std::string& place) const {
    if (where == place) crash(how);
  }
  std::string where;
  How how = How::nothing;
  std::shared_ptr<const Part> part;
};
TWINFLOW_NODE("crashing.pass", Pass)

}  // namespace

TWINFLOW_PLUGIN("crashing", "1", "nobody", "Crashes.")
