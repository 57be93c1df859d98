#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeindex>
#include <utility>
#include <vector>

#include "twinflow/error.h"
#include "twinflow/value.h"

/// Parameters: declared once, in `describe`, bound to members. Checks, flowinspect and error messages derive
/// from it.
///
/// A type that can be configured (a node, or a component: a layer, loss, optimiser, ...) has
///
///     static void describe(twinflow::Spec<Type>& spec);     // NodeSpec<Type> for a node
///
/// The default of a parameter is what a default-constructed object holds. Binding happens while a graph is
/// checked, on one thread, before anything is opened; afterwards a component is const and may be read from
/// any thread.
namespace twinflow {

struct ParamInfo {
  std::string key, type, doc, unit, default_text;
  bool required = false;
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();

  /// Reads `value` into the member of `object` (a pointer to the family's base class). Adds to `problems`
  /// when it cannot.
  std::function<void(void* object, const Value& value, Problems& problems)> bind;
  /// The member as TOML; "" for what cannot be written because it is not there.
  std::function<std::string(const void* object)> text;

  /// "at least 1", "0 to 10 degrees": for sentences.
  std::string range_text() const;
  void check_number(double number, const Place& place, Problems& problems) const;
};

/// What a check of its own may ask and say: `void Type::check(const twinflow::Checking&) const`.
class Checking {
 public:
  Checking(const Value& written, const Place& place, Problems& problems,
           std::vector<std::pair<std::string, std::type_index>> inputs = {})
      : written_(written), place_(place), problems_(problems), inputs_(std::move(inputs)) {}

  /// Reports at the value of that parameter, or, where it was not written, at the whole.
  void error(std::string_view key, std::string message) const;
  /// Whether that input of the node is fed with Ts.
  template <class T>
  bool fed_with(std::string_view input) const {
    return std::find(inputs_.begin(), inputs_.end(),
                     std::pair(std::string(input), std::type_index(typeid(T)))) != inputs_.end();
  }

 private:
  const Value& written_;
  const Place& place_;
  Problems& problems_;
  std::vector<std::pair<std::string, std::type_index>> inputs_;
};

/// One configurable type, without its C++ type.
struct TypeInfo {
  virtual ~TypeInfo() = default;  // NodeInfo derives from it

  std::string kind;     // "node", or the family: "layer", "loss", "optimizer", ...
  std::string type;     // what a graph file calls it
  std::string summary;  // one sentence
  std::vector<ParamInfo> params;
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

/// How a C++ type is written in a graph file. read() adds a problem and returns false when the value does not
/// fit.
template <class T>
struct ParamType;

// Not templates: implemented in the framework.
template <>
struct ParamType<bool> {
  static std::string name() { return "boolean"; }
  static bool read(const Value& value, bool& out, Problems& problems);
  static std::string text(bool value) { return value ? "true" : "false"; }
};
template <>
struct ParamType<std::int64_t> {
  static std::string name() { return "integer"; }
  static bool read(const Value& value, std::int64_t& out, Problems& problems);
  static std::string text(std::int64_t value) { return std::to_string(value); }
};
template <>
struct ParamType<double> {
  static std::string name() { return "number"; }
  static bool read(const Value& value, double& out, Problems& problems);
  static std::string text(double value);  // shortest text that reads back equal
};
template <>
struct ParamType<std::string> {
  static std::string name() { return "string"; }
  static bool read(const Value& value, std::string& out, Problems& problems);
  static std::string text(const std::string& value);  // quoted
};
/// Relative paths are relative to the graph file (in --set: to the working folder).
template <>
struct ParamType<std::filesystem::path> {
  static std::string name() { return "path"; }
  static bool read(const Value& value, std::filesystem::path& out, Problems& problems);
  static std::string text(const std::filesystem::path& value);
};

/// Integers of other widths: read as 64 bit, then checked to fit.
template <std::integral T>
requires(!std::same_as<T, bool> && !std::same_as<T, std::int64_t>) struct ParamType<T> {
  static std::string name() { return "integer"; }
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

bool list_problem(const Value& value, const std::string& expected,
                  Problems& problems);  // adds; returns false

template <class T>
struct ParamType<std::vector<T>> {
  static std::string name() { return "list of " + ParamType<T>::name(); }
  static bool read(const Value& value, std::vector<T>& out, Problems& problems) {
    const auto* list = value.get<Value::List>();
    if (!list) return list_problem(value, name(), problems);
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
  static std::string name() { return "[" + ParamType<T>::name() + ", " + ParamType<T>::name() + "]"; }
  static bool read(const Value& value, std::array<T, 2>& out, Problems& problems) {
    const auto* list = value.get<Value::List>();
    if (!list || list->size() != 2) return list_problem(value, name(), problems);
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

/// A component of a family. Base has `static constexpr const char* family`, a virtual destructor and a member
/// `std::string type` that the framework sets to the name it was made by.
template <class Base>
requires requires { Base::family; }
struct ParamType<std::shared_ptr<const Base>> {
  static std::string name() { return Base::family; }
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

template <class Base>
std::shared_ptr<const Base> default_component(const std::string& type) {
  std::shared_ptr<const Base> made;
  Problems problems;
  if (!ParamType<std::shared_ptr<const Base>>::read({type, {}}, made, problems))
    throw Error(problems.list().front().message);
  return made;
}

/// Applies `visit` to every number in a value: range checks of lists and [low, high] are those of their
/// elements.
template <class T, class Visit>
void each_number(const T& value, const Value& written, Visit&& visit) {
  if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>) {
    visit(static_cast<double>(value), written.place);
  } else if constexpr (requires { value.begin(); } && !std::same_as<T, std::string> &&
                       !std::same_as<T, std::filesystem::path>) {
    if (const auto* list = written.get<Value::List>()) {
      std::size_t i = 0;
      for (const auto& one : value) each_number(one, (*list)[i++], visit);
    }
  }
}

bool enum_problem(const Value& value, const std::vector<std::string>& names,
                  Problems& problems);  // adds; false

/// Continues one `spec.param(...)`.
template <class T>
class ParamBuilder {
 public:
  ParamBuilder(ParamInfo& info, std::vector<std::pair<std::string, T>>& names) : info_(info), names_(names) {}

  ParamBuilder& doc(std::string sentence) { return info_.doc = std::move(sentence), *this; }
  ParamBuilder& unit(std::string unit) { return info_.unit = std::move(unit), *this; }
  ParamBuilder& required() { return info_.required = true, *this; }
  ParamBuilder& range(double low, double high) { return info_.low = low, info_.high = high, *this; }
  ParamBuilder& min(double low) { return info_.low = low, *this; }
  /// The names of an enum's values in a graph file.
  ParamBuilder& names(std::vector<std::pair<std::string, T>> names) requires std::is_enum_v<T> {
    names_ = std::move(names);
    info_.type.clear();
    for (const auto& [name, value] : names_)
      info_.type += (info_.type.empty() ? "" : " | ") + ("\"" + name + "\"");
    return *this;
  }

 private:
  ParamInfo& info_;
  std::vector<std::pair<std::string, T>>& names_;
};

/// What `describe` fills. Base is the base class of the kind: Node, or the family's.
template <class Type, class Base>
class BasicSpec {
 public:
  explicit BasicSpec(TypeInfo& info) : info_(info) {}

  BasicSpec& summary(std::string sentence) { return info_.summary = std::move(sentence), *this; }

  template <class T, class Owner>
  ParamBuilder<T> param(std::string key, T Owner::*member) {
    auto names = std::make_shared<std::vector<std::pair<std::string, T>>>();
    info_.params.push_back({});
    ParamInfo& info = info_.params.back();
    info.key = key;
    const std::size_t at = info_.params.size() - 1;
    TypeInfo* type = &info_;  // types live as long as the registry
    if constexpr (std::is_enum_v<T>) {
      info.text = [member, names](const void* object) {
        for (const auto& [name, value] : *names)
          if (value == cast(object).*member) return "\"" + name + "\"";
        return std::string("?");
      };
      info.bind = [member, names](void* object, const Value& value, Problems& problems) {
        std::vector<std::string> known;
        for (const auto& [name, one] : *names) known.push_back(name);
        const auto* typed = value.get<std::string>();
        for (const auto& [name, one] : *names)
          if (typed && *typed == name) return void(cast(object).*member = one);
        enum_problem(value, known, problems);
      };
    } else {
      info.type = ParamType<T>::name();
      info.text = [member](const void* object) { return ParamType<T>::text(cast(object).*member); };
      info.bind = [member, type, at](void* object, const Value& value, Problems& problems) {
        T made{};
        if (!ParamType<T>::read(value, made, problems)) return;
        each_number(made, value, [&](double number, const Place& place) {
          type->params[at].check_number(number, place, problems);
        });
        cast(object).*member = std::move(made);
      };
    }
    return ParamBuilder<T>(info_.params.back(), *names);
  }

  /// A check over several parameters or the inputs: pure, run on a bound object.
  void check(void (Type::*method)(const Checking&) const) {
    info_.check = [method](const void* object, const Checking& checking) {
      (cast(object).*method)(checking);
    };
  }

 protected:
  static Type& cast(void* object) { return *static_cast<Type*>(static_cast<Base*>(object)); }
  static const Type& cast(const void* object) {
    return *static_cast<const Type*>(static_cast<const Base*>(object));
  }

  TypeInfo& info_;
};

/// The spec of a component. Its base class is found from its family through `Type::Base`.
template <class Type>
class Spec : public BasicSpec<Type, typename Type::Base> {
 public:
  using BasicSpec<Type, typename Type::Base>::BasicSpec;
};

/// Lets the type describe itself and adds it to the registry. Throws nothing: a failure is reported by who
/// loads the library.
void register_type(std::unique_ptr<TypeInfo> info, const std::function<void(TypeInfo&)>& describe);

/// Called by TWINFLOW_COMPONENT when its library is loaded.

template <class Type>
void register_component(std::string type_name) {
  using Base = typename Type::Base;
  auto info = std::make_unique<TypeInfo>();
  info->kind = Base::family;
  info->type = std::move(type_name);
  info->make = [] { return std::shared_ptr<void>(std::shared_ptr<Base>(std::make_shared<Type>())); };
  register_type(std::move(info), [](TypeInfo& made) {
    Spec<Type> spec(made);
    Type::describe(spec);
  });
}

}  // namespace twinflow
