#include "twinflow/ports.h"

#include <doctest/doctest.h>

#include "twinflow/node.h"

using namespace twinflow;

namespace {

/// A value that is to be made ready before a node sees it.
struct Letter {
  static constexpr const char* port_type = "letter";
  bool open = false;
  void make_ready() { open = true; }
};
struct Stone {
  static constexpr const char* port_type = "stone";
  bool open = false;
};
using Either = std::variant<Letter, Stone>;

bool open(const Letter& letter) { return letter.open; }
bool open(const Either& either) {
  return std::visit([](const auto& one) { return one.open; }, either);
}
bool open(const std::optional<Letter>& letter) { return letter && letter->open; }
template <class... T>
bool open(const std::tuple<T...>& all) {
  return std::apply([](const auto&... one) { return (open(one) && ...); }, all);
}

/// A map that tells whether all it was given was open.
template <class In>
struct Look : Map<In, Stone> {
  Stone apply(In input, const Item&) const override { return {open(input)}; }
};
template <class In>
struct Plain final : Look<In> {
  static void describe(NodeSpec<Plain>&) {}
};
template <class In, bool wish>
struct Asking final : Look<In> {
  static constexpr bool takes_unread = wish;
  static void describe(NodeSpec<Asking>&) {}
};
struct Last final : Sink<Letter> {
  static void describe(NodeSpec<Last>&) {}
  void process(Letter letter, const Item&) override { saw_open = letter.open; }
  bool saw_open = false;
};
struct Constant final : Constants {
  static void describe(NodeSpec<Constant>& spec) { spec.output("letter", &Constant::make); }
  Letter make() { return {}; }
};

/// Keeps what it has begun to describe while it describes more.
struct Patient final : Map<Letter, Stone> {
  static void describe(NodeSpec<Patient>& spec) {
    auto param = spec.param("weight", &Patient::weight);
    auto input = spec.input("first", &Patient::letter);
    auto reads = spec.reads("rate", &Patient::reader);
    for (int i = 0; i < 50; ++i) {
      spec.param("more_" + std::to_string(i), &Patient::weight);
      spec.input("more_" + std::to_string(i), &Patient::letter);
      spec.reads("more_" + std::to_string(i), &Patient::reader);
    }
    param.doc("a weight").min(2);
    input.doc("a letter").optional();
    reads.doc("a rate");
  }
  Stone apply(Letter, const Item&) const override { return {}; }
  double weight = 3;
  std::shared_ptr<const Letter> letter;
  Reader reader{1.0};
};

template <class Type>
NodeInfo described() {
  NodeInfo info;
  NodeSpec<Type> spec(info);
  Type::describe(spec);
  return info;
}
template <class Type>
bool sees_open(const std::vector<Parcel>& parcels) {
  return described<Type>().apply(Type(), parcels, {}).template take<Stone>().open;
}

}  // namespace

TEST_CASE("what a node sees was made ready, however its input is made up, unless it asks otherwise") {
  for (const bool sole : {false, true}) {
    Parcel letter = Parcel::pack(Letter());
    letter.sole = sole;
    CHECK(sees_open<Plain<Letter>>({letter}));
    CHECK(sees_open<Plain<Either>>({letter}));
    CHECK(sees_open<Plain<std::tuple<Letter, std::optional<Letter>>>>({letter, letter}));
    CHECK(sees_open<Plain<std::tuple<Either, Letter>>>({letter, letter}));
    CHECK_FALSE(sees_open<Plain<std::tuple<Letter, std::optional<Letter>>>>({letter, {}}));
    CHECK_FALSE(sees_open<Plain<Either>>({Parcel::pack(Stone())}));
    CHECK_FALSE(sees_open<Asking<Letter, true>>({letter}));
    CHECK_FALSE(sees_open<Asking<Either, true>>({letter}));
    CHECK(sees_open<Asking<Letter, false>>({letter}));
    Last last;
    described<Last>().process(last, {letter}, {});
    CHECK(last.saw_open);
    CHECK_FALSE(letter.take<Letter>().open);  // each reader has made ready its own
  }
}

TEST_CASE("a constant is made ready before anybody is bound to it") {
  Constant constant;
  CHECK(described<Constant>().outputs[0].constant(constant).take<Letter>().open);
}

TEST_CASE("what describe() has begun may be continued after others were begun") {
  const NodeInfo info = described<Patient>();
  CHECK(info.params[0].doc == "a weight");
  CHECK(info.params[0].low == 2);
  CHECK(info.inputs[1].doc == "a letter");  // after the stream's
  CHECK(info.inputs[1].optional);
  CHECK(info.reads[0].doc == "a rate");
}
