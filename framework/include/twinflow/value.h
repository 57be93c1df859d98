#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace twinflow {

/// A place in a text that the user wrote: a graph file, or a --set argument. Lines and columns count from 1,
/// columns in characters (code points). `text` is shared by all places of one text.
struct Place {
  struct Text {
    std::string name;    // the file as the user named it, or "--set"
    std::string folder;  // what relative paths in it are relative to
    std::vector<std::string> lines;
  };
  std::shared_ptr<const Text> text;
  int line = 0, column = 0;

  std::string str() const;  // "file:line:col"
};

/// One value of a graph file with its place: TOML without its library, so that plugins need not include it.
struct Value {
  struct Entry;
  using List = std::vector<Value>;
  using Table = std::vector<Entry>;  // in the order written

  std::variant<bool, std::int64_t, double, std::string, List, Table> data;
  Place place;

  template <class T>
  const T* get() const {
    return std::get_if<T>(&data);
  }
  const Value* find(std::string_view key) const;  // in a table; nullptr when absent or not a table
  std::string type_text() const;                  // "a string", "an integer", ...: for sentences
};

struct Value::Entry {
  std::string key;
  Place place;  // of the key
  Value value;
};

/// What is wrong with a graph: collected, then printed all at once. Errors, and warnings of what is allowed
/// but hardly meant; only errors count.
class Problems {
 public:
  struct Problem {
    Place place;
    std::string message;
    bool is_error = true;
  };
  void error(const Place& place, std::string message) {
    list_.push_back({place, std::move(message), true});
    ++errors_;
  }
  void warning(const Place& place, std::string message) {
    list_.push_back({place, std::move(message), false});
  }
  bool empty() const { return errors_ == 0; }
  std::size_t size() const { return errors_; }
  const std::vector<Problem>& list() const { return list_; }

  /// Every problem as `file:line:col: error: message` (or warning), the source line and a caret under the
  /// token.
  std::string str() const;

 private:
  std::vector<Problem> list_;
  std::size_t errors_ = 0;
};

/// One value from TOML text; `name`: what the text is called in problems. It may come from anywhere: what is
/// wrong or too deep becomes a problem, and then the value is false.
Value parse_value(const std::string& toml, const std::string& name, Problems& problems);

/// "; did you mean 'x'?" with the nearest of `candidates`, or "" when none is near. Also completes half-typed
/// names, and finds "augment.affine" by what comes after its dot.
std::string did_you_mean(std::string_view typed, const std::vector<std::string>& candidates);

}  // namespace twinflow
