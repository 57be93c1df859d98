#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <variant>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/image_shape.h"
#include "twinflow/value.h"

/// What a parameter is without its owner's C++ type, and which C++ types a parameter may have: bool,
/// integers, double, std::string, std::filesystem::path, std::vector of them, std::array<T, 2> for [low,
/// high], Around<centre> for a range that may be one number, OneOrMore<T> for a list that may be one element,
/// std::optional of them for what need not be given, std::shared_ptr<const Base> for a component of a family.
/// Enums and nested tables: see spec.h.
namespace twinflow {

struct TypeInfo;

/// What a value in a graph file may be.
struct ValueShape {
  enum class Kind {
    boolean,
    integer,
    number,
    string,
    path,
    name,
    pair,
    around,
    list,
    one_or_more,
    table,
    component
  };
  Kind kind = Kind::table;
  std::vector<std::string> names;             // name: one of these, an enum's; integer: or one of these
  std::shared_ptr<const ValueShape> element;  // pair ([low, high]), around, list, one_or_more: what it holds
  const TypeInfo* table = nullptr;            // table: its parameters
  std::string family;                         // component: of that family
  int centre = 0;                             // around: of the range that one number is half of

  std::string text() const;  // "integer", "list of string", "\"best\" | \"last\"", "loss": for people
};

struct ParamInfo {
  std::string key, doc, unit, default_text;
  ValueShape shape;
  bool required = false;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  /// Reads `value` into the member of `object` (a pointer to the family's base class). Adds to `problems`
  /// when it cannot.
  std::function<void(void* object, const Value& value, Problems& problems)> bind;
  /// The member as TOML; "" for what cannot be written because it is not there.
  std::function<std::string(const void* object)> text;

  /// "at least 1", "0 to 10 degrees": for sentences.
  std::string range_text() const;
  /// Adds a problem and returns false when the number is out of range. `written`: what stands in the file,
  /// where it is something else that means the number.
  bool check_number(double number, const Place& place, Problems& problems,
                    const std::string& written = "") const;
};

/// What feeds an input of a node, as far as the graph check knows.
struct FedInput {
  std::string input;
  std::type_index type = typeid(void);
  std::optional<ImageShape> image_shape = {};  // of the images that come, or that what comes was made for
  std::vector<std::string> prepared_by = {};   // nodes that prepared these images (NodeSpec::prepares)
};

/// What a check of its own may ask and say: `void Type::check(const twinflow::Checking&) const`.
class Checking {
 public:
  Checking(const Value& written, const Place& place, Problems& problems, std::vector<FedInput> inputs = {},
           bool open_ended = false)
      : written_(written),
        place_(place),
        problems_(problems),
        inputs_(std::move(inputs)),
        open_ended_(open_ended) {}

  /// Reports at the value of that parameter, or, where it was not written, at the whole.
  void error(const std::string& key, std::string message) const { error_at({key}, std::move(message)); }
  /// Reports inside of a parameter: error_at({"layer", i, "layers", k}, ...) at the k-th entry of `layers` in
  /// the i-th of `layer`, both from 0. Where the way ends in what was written, at what was reached.
  using Step = std::variant<std::string, std::size_t>;
  void error_at(const std::vector<Step>& path, std::string message) const;
  /// Whether that input of the node is fed with Ts.
  template <class T>
  bool fed_with(std::string_view input) const {
    const FedInput* fed = find(input);
    return fed && fed->type == typeid(T);
  }
  /// The shape of the images on that input, or of those that the model on it was trained with; empty where
  /// only the run will tell, and where nothing is fed (NodeSpec::image_shape).
  std::optional<ImageShape> image_shape(std::string_view input) const {
    const FedInput* fed = find(input);
    return fed ? fed->image_shape : std::nullopt;
  }
  /// The names of the nodes that have prepared the images on that input, or those that the model on it was
  /// trained with (NodeSpec::prepares), upstream first.
  std::vector<std::string> prepared_by(std::string_view input) const {
    const FedInput* fed = find(input);
    return fed ? fed->prepared_by : std::vector<std::string>();
  }
  /// Whether [run] does not say how many items the run has: epochs = "unlimited", and no max_steps. Only a
  /// node is told.
  bool open_ended() const { return open_ended_; }

 private:
  const FedInput* find(std::string_view input) const {
    const auto found =
        std::find_if(inputs_.begin(), inputs_.end(), [&](const FedInput& one) { return one.input == input; });
    return found == inputs_.end() ? nullptr : &*found;
  }

  const Value& written_;
  const Place& place_;
  Problems& problems_;
  std::vector<FedInput> inputs_;
  bool open_ended_;
};

/// One configurable type, without its C++ type.
struct TypeInfo {
  virtual ~TypeInfo() = default;  // NodeInfo derives from it

  std::string kind;     // "node", or the family: "layer", "loss", "optimizer", ...
  std::string type;     // what a graph file calls it
  std::string summary;  // one sentence
  std::string example;  // a piece of a graph file that uses it: a node's own table, or where a component goes
  std::deque<ParamInfo> params;                 // builders refer to what it holds while it grows
  std::function<std::shared_ptr<void>()> make;  // points to the base class of its kind
  /// Checks that need several parameters, or the inputs; after binding, only when no parameter was wrong.
  std::function<void(const void* object, const Checking& checking)> check;
  std::string library;         // the file that offers it
  bool defaults_read = false;  // the params' default_text is filled

  const ParamInfo* find(std::string_view key) const;
};

/// Reads the table's keys (but for `skip`) into the object's parameters; reports unknown and missing ones.
void bind_parameters(const TypeInfo& info, void* object, const Value& table, const Place& place,
                     const std::vector<std::string>& skip, Problems& problems);

/// The same for a nested table, checks of its own included. False, with problems added, when it is wrong.
bool read_table(const TypeInfo& info, void* object, const Value& value, Problems& problems);
/// An object as an inline table: `{ margin = 3 }`.
std::string table_text(const TypeInfo& info, const void* object);

/// The component of that family that the value names: `"adamw"` or `{ type = "adamw", learning_rate = 1e-3
/// }`. Empty, with a problem added, when it cannot be made.
struct MadeComponent {
  std::shared_ptr<void> object;
  const TypeInfo* info = nullptr;
};
MadeComponent make_component(std::string_view family, const Value& value, Problems& problems);

/// A component as TOML: `{ type = "adamw", learning_rate = 0.001 }`. Reading that gives the same component.
std::string component_text(const TypeInfo& info, const void* object);
/// The description of a component that was made by type name. Throws Error when the family has no such type.
const TypeInfo& component_info(std::string_view family, std::string_view type);

/// The component of a family with that name and its defaults. Throws Error when it cannot be made.
template <class Base>
std::shared_ptr<const Base> default_component(const std::string& type);

/// How a C++ type is written in a graph file: shape() describes it; text() writes a value so that read()
/// gives it back; read() adds a problem and returns false when the value does not
/// fit.
template <class T>
struct ParamType {
  static_assert(
      !sizeof(T),
      "a parameter cannot be of this type: see the list at the head of twinflow/param.h (double for float)");
};

// Not templates: implemented in the framework.
template <>
struct ParamType<bool> {
  static ValueShape shape() { return {ValueShape::Kind::boolean, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, bool& out, Problems& problems);
  static std::string text(bool value) { return value ? "true" : "false"; }
};
template <>
struct ParamType<std::int64_t> {
  static ValueShape shape() { return {ValueShape::Kind::integer, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, std::int64_t& out, Problems& problems);
  static std::string text(std::int64_t value) { return std::to_string(value); }
};
template <>
struct ParamType<double> {
  static ValueShape shape() { return {ValueShape::Kind::number, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, double& out, Problems& problems);
  static std::string text(double value);  // shortest text that reads back equal
};
template <>
struct ParamType<std::string> {
  static ValueShape shape() { return {ValueShape::Kind::string, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, std::string& out, Problems& problems);
  static std::string text(const std::string& value);  // quoted
};
/// Relative paths are relative to the graph file (in --set: to the working folder). "~/x" is in the home
/// folder. A path that is not UTF-8 is written as a URI (RFC 8089), "file:///home/bilder_%E4": in a graph
/// file as in text(). Reading adds a problem for a URI that names no file of this machine.
template <>
struct ParamType<std::filesystem::path> {
  static ValueShape shape() { return {ValueShape::Kind::path, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, std::filesystem::path& out, Problems& problems);
  static std::string text(const std::filesystem::path& value);
};

/// Integers of other widths: read as 64 bit, then checked to fit.
template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, std::int64_t>) struct ParamType<T> {
  static ValueShape shape() { return {ValueShape::Kind::integer, {}, {}, nullptr, {}}; }
  static bool read(const Value& value, T& out, Problems& problems) {
    std::int64_t wide = 0;
    if (!ParamType<std::int64_t>::read(value, wide, problems)) return false;
    if (!std::in_range<T>(wide)) {
      problems.error(value.place, std::to_string(wide) + " is out of range: " +
                                      (wide < 0 ? "it may not be negative" : "it is too large"));
      return false;
    }
    out = static_cast<T>(wide);
    return true;
  }
  static std::string text(T value) { return std::to_string(value); }
};

bool list_problem(const Value& value, const ValueShape& expected,
                  Problems& problems);  // adds; returns false

template <class T>
struct ParamType<std::vector<T>> {
  static ValueShape shape() {
    return {ValueShape::Kind::list, {}, std::make_shared<ValueShape>(ParamType<T>::shape()), nullptr, {}};
  }
  static bool read(const Value& value, std::vector<T>& out, Problems& problems) {
    const auto* list = value.get<Value::List>();
    if (!list) return list_problem(value, shape(), problems);
    std::vector<T> made(list->size());
    bool good = true;
    for (std::size_t i = 0; i < list->size(); ++i) good &= ParamType<T>::read((*list)[i], made[i], problems);
    if (good) out = std::move(made);
    return good;
  }
  static std::string text(const std::vector<T>& values) {
    std::string all;
    for (const T& one : values) all += (all.empty() ? "" : ", ") + ParamType<T>::text(one);
    return "[" + all + "]";
  }
};

/// [low, high]
template <class T>
struct ParamType<std::array<T, 2>> {
  static ValueShape shape() {
    return {ValueShape::Kind::pair, {}, std::make_shared<ValueShape>(ParamType<T>::shape()), nullptr, {}};
  }
  static bool read(const Value& value, std::array<T, 2>& out, Problems& problems) {
    const auto* list = value.get<Value::List>();
    if (!list || list->size() != 2) return list_problem(value, shape(), problems);
    std::array<T, 2> made{};
    if (!ParamType<T>::read((*list)[0], made[0], problems) ||
        !ParamType<T>::read((*list)[1], made[1], problems))
      return false;
    if (made[0] > made[1]) {
      problems.error(value.place, "the low end " + ParamType<T>::text(made[0]) + " is above the high end " +
                                      ParamType<T>::text(made[1]));
      return false;
    }
    out = made;
    return true;
  }
  static std::string text(const std::array<T, 2>& value) {
    return "[" + ParamType<T>::text(value[0]) + ", " + ParamType<T>::text(value[1]) + "]";
  }
};

/// A range that may be written as [low, high], or as one number, the half of a range around a centre: r for
/// [centre - r, centre + r].
template <int centre>
struct Around {
  double low = centre, high = centre;
};
template <int centre>
struct ParamType<Around<centre>> {
  using Pair = ParamType<std::array<double, 2>>;
  static ValueShape shape() {
    return {ValueShape::Kind::around,
            {},
            std::make_shared<ValueShape>(ParamType<double>::shape()),
            nullptr,
            {},
            centre};
  }
  static bool read(const Value& value, Around<centre>& out, Problems& problems) {
    if (value.get<double>() || value.get<std::int64_t>()) {
      double half = 0;
      if (!ParamType<double>::read(value, half, problems)) return false;
      if (half < 0) {
        problems.error(value.place, "one number is the half of a range and may not be negative, found " +
                                        ParamType<double>::text(half));
        return false;
      }
      out = {centre - half, centre + half};
      return true;
    }
    const auto* list = value.get<Value::List>();
    std::array<double, 2> ends{};
    if (!list || list->size() != 2) return list_problem(value, shape(), problems);
    if (!Pair::read(value, ends, problems)) return false;
    out = {ends[0], ends[1]};
    return true;
  }
  static std::string text(const Around<centre>& range) { return Pair::text({range.low, range.high}); }
};

/// A list that may be written as its only element.
template <class T>
struct OneOrMore {
  std::vector<T> values;
};
template <class T>
struct ParamType<OneOrMore<T>> {
  static ValueShape shape() {
    return {
        ValueShape::Kind::one_or_more, {}, std::make_shared<ValueShape>(ParamType<T>::shape()), nullptr, {}};
  }
  static bool read(const Value& value, OneOrMore<T>& out, Problems& problems) {
    if (value.get<Value::List>()) {
      OneOrMore<T> made;
      if (!ParamType<std::vector<T>>::read(value, made.values, problems)) return false;
      if (made.values.empty()) {
        problems.error(value.place, "at least one is needed");
        return false;
      }
      out = std::move(made);
      return true;
    }
    T one{};
    if (!ParamType<T>::read(value, one, problems)) return false;
    out.values = {std::move(one)};
    return true;
  }
  static std::string text(const OneOrMore<T>& list) {
    return list.values.size() == 1 ? ParamType<T>::text(list.values[0])
                                   : ParamType<std::vector<T>>::text(list.values);
  }
};

/// What need not be given: written as what it holds.
template <class T>
struct ParamType<std::optional<T>> {
  static ValueShape shape() { return ParamType<T>::shape(); }
  static bool read(const Value& value, std::optional<T>& out, Problems& problems) {
    T made{};
    if (!ParamType<T>::read(value, made, problems)) return false;
    out = std::move(made);
    return true;
  }
  static std::string text(const std::optional<T>& value) { return value ? ParamType<T>::text(*value) : ""; }
};

/// A component of a family. Base has `static constexpr const char* family`, a virtual destructor and a member
/// `std::string type` that the framework sets to the name it was made by.
template <class Base>
requires requires { Base::family; }
struct ParamType<std::shared_ptr<const Base>> {
  static ValueShape shape() { return {ValueShape::Kind::component, {}, {}, nullptr, Base::family}; }
  static bool read(const Value& value, std::shared_ptr<const Base>& out, Problems& problems) {
    MadeComponent made = make_component(Base::family, value, problems);
    if (!made.object) return false;
    auto object = std::static_pointer_cast<Base>(made.object);
    object->type = made.info->type;
    out = std::move(object);
    return true;
  }
  static std::string text(const std::shared_ptr<const Base>& object) {
    if (!object) return "";
    return component_text(component_info(Base::family, object->type), object.get());
  }
};

/// Reads what ParamType<T>::text() wrote. Throws Error with the first thing that is wrong; `name`: what the
/// text is called there.
template <class T>
T read_text(const std::string& text, const std::string& name) {
  Problems problems;
  const Value value = parse_value(text, name, problems);
  T made{};
  if (problems.empty()) ParamType<T>::read(value, made, problems);
  for (const Problems::Problem& one : problems.list())
    if (one.is_error) throw Error(name + ": " + one.message);
  return made;
}

template <class Base>
std::shared_ptr<const Base> default_component(const std::string& type) {
  std::shared_ptr<const Base> made;
  Problems problems;
  if (!ParamType<std::shared_ptr<const Base>>::read({type, {}}, made, problems))
    throw Error(problems.list().front().message);
  return made;
}

}  // namespace twinflow
