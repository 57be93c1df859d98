#include "twinflow/answers.h"

#include <fmt/format.h>

#include "twinflow/error.h"

namespace twinflow {

void WrongAnswers::validate() const {
  if (answers.empty()) return;
  if (!store) throw Error("it has answers, but no pixel store");
  store->validate();
  const auto check = [&](std::size_t image) {
    if (image >= store->count())
      throw Error(fmt::format("an answer names image {}, but there are {}", image, store->count()));
  };
  for (const Answer& one : answers) {
    check(one.query);
    for (const auto* images : {&one.right, &one.given})
      for (const std::size_t image : *images) check(image);
  }
}

}  // namespace twinflow
