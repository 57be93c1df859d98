#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <typeindex>
#include <utility>
#include <variant>
#include <vector>

#include "twinflow/error.h"

/// Ports: what flows between nodes, and how a port is described without its C++ type. A type that may flow
/// has `static constexpr const char* port_type`, its name for people. A std::variant of such types is a port
/// that takes any of them. A type whose making may be put off has `void make_ready()`, which is called before
/// a node sees a value of it. A type whose values may be wrong in themselves has `void validate() const`,
/// which throws Error: it is called on every value that leaves a node, before another node sees it, so it has
/// to be cheap. The run then ends with an error that names the node.
namespace twinflow {

class Node;
class Passage;  // twinflow/passage.h

/// One message of the stream.
struct Item {
  std::uint64_t epoch = 0;  // from 0
  std::uint64_t index = 0;  // within the epoch, from 0
  std::uint64_t step = 0;   // over the whole run, from 0
};

/// Several stream inputs, as the In of a Map or Stateful: joined by item, given as a tuple. A std::optional
/// element is an input that need not be connected. Every connected input has to get every item.
template <class... T>
using Inputs = std::tuple<T...>;

/// A value of any port type. Cheap to copy; the value is shared.
struct Parcel {
  std::shared_ptr<void> value;
  std::type_index type = typeid(void);
  bool sole = false;  // nobody else reads the value: take() moves it out, and is called once

  template <class T>
  static Parcel pack(T value) {
    if constexpr (requires { std::variant_size<T>::value; }) {
      return std::visit([](auto&& one) { return pack(std::move(one)); }, std::move(value));
    } else {
      return {std::make_shared<T>(std::move(value)), typeid(T), false};
    }
  }
  template <class T>
  T take() const {
    if constexpr (requires { std::variant_size<T>::value; }) {
      return take_alternative<T>(std::make_index_sequence<std::variant_size_v<T>>());
    } else {
      if (type != typeid(T)) refuse_type();  // a node with a variant output may give out any of its kinds
      T& held = *static_cast<T*>(value.get());
      return sole ? T(std::move(held)) : T(held);
    }
  }

 private:
  [[noreturn]] static void refuse_type() {
    throw Error("a value of another type than its port's has arrived");
  }
  template <class V, std::size_t... I>
  V take_alternative(std::index_sequence<I...>) const {
    std::optional<V> made;
    (void)((type == typeid(std::variant_alternative_t<I, V>) &&
            (made.emplace(take<std::variant_alternative_t<I, V>>()), true)) ||
           ...);
    if (!made) refuse_type();
    return std::move(*made);
  }
};

/// Throws Error: what leaves a node breaks a rule of its type. `output`: the output's name; "" where the node
/// has only one.
[[noreturn]] void refuse_value(const char* port_type, const std::string& output, const char* why);

/// Calls validate() of what leaves a node, where its type has one.
template <class T>
void validate_value(const T& value, const std::string& output) {
  if constexpr (requires { std::variant_size<T>::value; }) {
    std::visit([&](const auto& one) { validate_value(one, output); }, value);
  } else if constexpr (requires { value.validate(); }) {
    try {
      value.validate();
    } catch (const Error& error) {
      refuse_value(T::port_type, output, error.what());
    }
  }
}

/// An output of a stateful node: emit() from process() or finish_epoch(). Not from other threads.
template <class T>
class Output {
 public:
  /// Throws Error when the value breaks a rule of its type.
  void emit(T value, const Item& item) const {
    if (!send) return;
    validate_value(value, name);
    send(Parcel::pack(std::move(value)), item);
  }
  /// Set by the runtime when somebody listens.
  std::function<void(Parcel, const Item&)> send;
  std::string name;
  bool used() const { return static_cast<bool>(send); }
};

struct PortType {
  std::string name;
  std::type_index type = typeid(void);
  bool operator==(const PortType& other) const { return type == other.type; }
};

template <class T>
std::vector<PortType> port_types() {
  if constexpr (requires { std::variant_size<T>::value; }) {
    return []<class... One>(std::variant<One...>*) {
      return std::vector<PortType>{PortType{One::port_type, typeid(One)}...};
    }(static_cast<T*>(nullptr));
  } else if constexpr (requires { T::port_type; }) {
    return {{T::port_type, typeid(T)}};
  } else {
    static_assert(!sizeof(T),
                  "what flows between nodes needs a name: static constexpr const char* port_type = \"...\"; "
                  "in its class");
    return {};
  }
}

struct InputInfo;
/// The stream inputs that an In stands for, and how to take it from what arrived on them (in the order
/// declared; an input that is not connected has an empty parcel).
template <class In>
struct StreamInputs {
  static void declare(std::deque<InputInfo>& ports) { add(ports, port_types<In>(), false); }
  static In take(const std::vector<Parcel>& parcels) { return parcels[0].take<In>(); }
  static void add(std::deque<InputInfo>& ports, std::vector<PortType> types, bool optional);
};
template <class... T>
struct StreamInputs<std::tuple<T...>> {
  template <class One>
  struct Element {
    using type = One;
    static constexpr bool optional = false;
  };
  template <class One>
  struct Element<std::optional<One>> {
    using type = One;
    static constexpr bool optional = true;
  };
  static void declare(std::deque<InputInfo>& ports) {
    (StreamInputs<void*>::add(ports, port_types<typename Element<T>::type>(), Element<T>::optional), ...);
  }
  static std::tuple<T...> take(const std::vector<Parcel>& parcels) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<T...>(take_one<T>(parcels[I])...);
    }
    (std::index_sequence_for<T...>());
  }
  template <class One>
  static One take_one(const Parcel& parcel) {
    if constexpr (Element<One>::optional) {
      return parcel.value ? One(parcel.take<typename Element<One>::type>()) : std::nullopt;
    } else {
      return parcel.take<One>();
    }
  }
};

/// Calls make_ready() of what a node is about to see, where its type has one.
template <class T>
void make_ready(T& value) {
  if constexpr (requires { value.make_ready(); }) value.make_ready();
}
template <class... T>
void make_ready(std::variant<T...>& value) {
  std::visit([](auto& one) { make_ready(one); }, value);
}
template <class T>
void make_ready(std::optional<T>& value) {
  if (value) make_ready(*value);
}
template <class... T>
void make_ready(std::tuple<T...>& values) {
  std::apply([](auto&... one) { (make_ready(one), ...); }, values);
}

struct InputInfo {
  std::string name, doc;
  std::vector<PortType> types;  // any of these
  bool optional = false;
  std::function<void(Node&, const Parcel&)> bind;    // a constant; empty for the stream
  std::function<void(Node&, Passage)> bind_passage;  // maps to send images through; no value comes here

  bool streamed() const { return !bind && !bind_passage; }
};

template <class In>
void StreamInputs<In>::add(std::deque<InputInfo>& ports, std::vector<PortType> types, bool optional) {
  ports.push_back({ports.empty() ? "in" : "in" + std::to_string(ports.size() + 1),
                   "",
                   std::move(types),
                   optional,
                   {},
                   {}});
}

struct OutputInfo {
  std::string name, doc;
  std::vector<PortType> types;            // several: the kind that the stream input was fed
  std::function<Parcel(Node&)> constant;  // makes it; empty for the stream
  std::function<void(Node&, std::function<void(Parcel, const Item&)>)> connect;  // an Output member
  bool aside = false;  // taken only by its name: `from = "node"` means another output
};

class PortBuilder {
 public:
  PortBuilder(std::string& doc, bool* optional, bool* aside = nullptr)
      : doc_(doc), optional_(optional), aside_(aside) {}
  PortBuilder& doc(std::string sentence) { return doc_ = std::move(sentence), *this; }
  PortBuilder& optional() {
    if (optional_) *optional_ = true;
    return *this;
  }
  PortBuilder& aside() {
    if (aside_) *aside_ = true;
    return *this;
  }

 private:
  std::string& doc_;
  bool *optional_, *aside_;
};

}  // namespace twinflow
