#include "failure_log.h"

#include <algorithm>
#include <new>

#include "plugin_code.h"

namespace twinflow {

namespace {

constexpr std::size_t reserved = 2000, most_later = 10;

/// "who: what"
void compose(std::string& text, std::string_view who, std::string_view what) {
  text.assign(who);
  if (!who.empty()) text.append(": ");
  text.append(what);
}

}  // namespace

FailureLog::FailureLog() { first_.reserve(reserved); }

void FailureLog::record(std::string_view who, const Place& place) noexcept {
  const std::string_view what = exception_text();
  const std::lock_guard lock(mutex_);
  if (any_) {
    try {
      std::string text;
      compose(text, who, what);
      if (text != first_ && later_.size() < most_later &&
          std::find(later_.begin(), later_.end(), text) == later_.end())
        later_.push_back(std::move(text));
    } catch (const std::bad_alloc&) {  // the first one says what matters
    }
    return;
  }
  place_ = place;
  try {
    compose(first_, who, what);
  } catch (const std::bad_alloc&) {
    const std::size_t room = first_.capacity() - 2;
    who = who.substr(0, room / 2);
    compose(first_, who, what.substr(0, room - who.size()));
  }
  any_ = true;
}

}  // namespace twinflow
