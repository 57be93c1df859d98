#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "twinflow/param.h"

/// Parameters: declared once, in `describe`, bound to members. Checks, flowinspect and error messages derive
/// from it.
///
/// A type that can be configured (a node, or a component: a layer, loss, optimiser, ...) has
///
///     static void describe(twinflow::Spec<Type>& spec);     // NodeSpec<Type> for a node
///
/// and so has a plain struct that is a nested table, with TableSpec<Type>:
///
///     struct Crop { std::int64_t margin = 0; static void describe(twinflow::TableSpec<Crop>& spec); };
///     spec.param("crop", &MyNode::crop);      // crop = { margin = 3 }, or [node.NAME.crop]
///     spec.param("crops", &MyNode::crops);    // std::vector<Crop>: [[node.NAME.crops]]
///
/// The default of a parameter is what a default-constructed object holds. Binding happens while a graph is
/// checked, on one thread, before anything is opened; afterwards a component is const and may be read from
/// any thread.
namespace twinflow {

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
std::string half_meaning(double half, double low, double high);  // "3 means [-3, 3]"
template <int centre, class Visit>
void each_number(const Around<centre>& range, const Value& written, Visit&& visit) {
  if (const auto* list = written.get<Value::List>()) {
    visit(range.low, list->at(0).place);
    visit(range.high, list->at(1).place);
  } else {  // one number, of which one thing is said
    const std::string meaning = half_meaning(range.high - centre, range.low, range.high);
    if (visit(range.high, written.place, meaning)) visit(range.low, written.place, meaning);
  }
}
template <class T, class Visit>
void each_number(const std::optional<T>& value, const Value& written, Visit&& visit) {
  if (value) each_number(*value, written, visit);
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
    info_.shape.names.clear();
    for (const auto& [name, value] : names_) info_.shape.names.push_back(name);
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
  /// A piece of a graph file that uses the type, whole tables of it, for people to paste.
  BasicSpec& example(std::string toml) { return info_.example = std::move(toml), *this; }

  template <class T, class Owner>
  ParamBuilder<T> param(std::string key, T Owner::*member) {
    auto names = std::make_shared<std::vector<std::pair<std::string, T>>>();
    info_.params.push_back({});
    ParamInfo& info = info_.params.back();
    info.key = key;
    const std::size_t at = info_.params.size() - 1;
    TypeInfo* type = &info_;  // types live as long as the registry
    if constexpr (std::is_enum_v<T>) {
      info.shape.kind = ValueShape::Kind::name;
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
      info.shape = ParamType<T>::shape();
      info.text = [member](const void* object) { return ParamType<T>::text(cast(object).*member); };
      info.bind = [member, type, at](void* object, const Value& value, Problems& problems) {
        T made{};
        if (!ParamType<T>::read(value, made, problems)) return;
        each_number(made, value, [&](double number, const Place& place, const std::string& written = "") {
          return type->params[at].check_number(number, place, problems, written);
        });
        cast(object).*member = std::move(made);
      };
    }
    return ParamBuilder<T>(info_.params.back(), *names);
  }

  template <class T, class Owner>
  ParamBuilder<T> param(T Owner::*member) {
    static_assert(!sizeof(T), "a parameter needs a name: spec.param(\"amount\", &Sharpen::amount)");
    return param("", member);
  }

  /// A check over several parameters or the inputs: pure, run on a bound object. `Owner`: the class, or one
  /// of its bases.
  template <class Owner>
  void check(void (Owner::*method)(const Checking&) const) {
    info_.check = [method](const void* object, const Checking& checking) {
      (static_cast<const Owner&>(cast(object)).*method)(checking);
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

/// The spec of a nested table.
template <class Type>
class TableSpec : public BasicSpec<Type, Type> {
 public:
  using BasicSpec<Type, Type>::BasicSpec;
  /// What sentences call it; "this table" when it has no name.
  TableSpec& name(std::string name) { return this->info_.type = std::move(name), *this; }
};
template <class T>
concept ParamTable = requires(TableSpec<T>& spec) {
  T::describe(spec);
};

/// The description of a table's C++ type, with its defaults.
template <ParamTable T>
const TypeInfo& table_info() {
  static const std::unique_ptr<const TypeInfo> info = [] {
    auto made = std::make_unique<TypeInfo>();
    made->kind = "table";
    TableSpec<T> spec(*made);
    T::describe(spec);
    const T defaults{};
    for (ParamInfo& param : made->params)
      if (!param.required) param.default_text = param.text(&defaults);
    return made;
  }();
  return *info;
}

template <ParamTable T>
struct ParamType<T> {
  static ValueShape shape() { return {ValueShape::Kind::table, {}, {}, &table_info<T>(), {}}; }
  static bool read(const Value& value, T& out, Problems& problems) {
    T made{};
    if (!read_table(table_info<T>(), &made, value, problems)) return false;
    out = std::move(made);
    return true;
  }
  static std::string text(const T& value) { return table_text(table_info<T>(), &value); }
};

/// Lets the type describe itself and adds it to the registry. Throws nothing: a failure is reported by who
/// loads the library.
void register_type(std::unique_ptr<TypeInfo> info, const std::function<void(TypeInfo&)>& describe);

/// Called by TWINFLOW_COMPONENT when its library is loaded. A family whose members all have some parameters
/// declares them once, in its base class: template <class Type> static void describe_common(Spec<Type>&).
template <class Type>
void register_component(std::string type_name) {
  constexpr bool describes = requires(Spec<Type> & spec) { Type::describe(spec); };
  if constexpr (std::is_abstract_v<Type>) {
    static_assert(!std::is_abstract_v<Type>,
                  "TWINFLOW_COMPONENT: the class does not override every pure function of its family's base, "
                  "with the very same types and const where that has it");
  } else if constexpr (!std::is_default_constructible_v<Type>) {
    static_assert(
        std::is_default_constructible_v<Type>,
        "TWINFLOW_COMPONENT: the class needs a public constructor without arguments; parameters are "
        "bound later");
  } else if constexpr (!describes) {
    static_assert(describes,
                  "TWINFLOW_COMPONENT: the class needs a public 'static void describe(twinflow::Spec<Type>& "
                  "spec)', where Type is the class itself");
  } else {
    using Base = typename Type::Base;
    auto info = std::make_unique<TypeInfo>();
    info->kind = Base::family;
    info->type = std::move(type_name);
    info->make = [] { return std::shared_ptr<void>(std::shared_ptr<Base>(std::make_shared<Type>())); };
    register_type(std::move(info), [](TypeInfo& made) {
      Spec<Type> spec(made);
      Type::describe(spec);
      if constexpr (requires { Base::describe_common(spec); }) Base::describe_common(spec);
    });
  }
}

}  // namespace twinflow
