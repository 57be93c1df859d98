#include "trace.h"

#include <nlohmann/json.hpp>

#include "files.h"
#include "twinflow/json_text.h"

namespace twinflow {

Tracer::~Tracer() = default;

void Trace::write(const std::filesystem::path& file) const {
  const auto microseconds = [](Clock::duration time) {
    return std::chrono::duration<double, std::micro>(time).count();
  };
  std::string events;
  const auto add = [&](const nlohmann::json& event) {
    events += (events.empty() ? "[" : ",\n") + json_text(event);
  };
  int thread = 0;
  for (const auto& list : lists_) {
    for (const Event& one : list.events) {
      if (one.kind == Event::Kind::count) {
        add({{"ph", "C"},
             {"name", "items in flight"},
             {"pid", 1},
             {"ts", microseconds(one.begin - start_)},
             {"args", {{"items", one.in_flight}}}});
        continue;
      }
      nlohmann::json slice = {{"ph", "X"},
                              {"name", *one.name},
                              {"pid", 1},
                              {"tid", thread},
                              {"ts", microseconds(one.begin - start_)},
                              {"dur", microseconds(one.end - one.begin)}};
      if (one.kind == Event::Kind::body)
        slice["args"] = {{"epoch", one.item.epoch}, {"item", one.item.index}, {"step", one.item.step}};
      add(slice);
    }
    ++thread;
  }
  write_atomically(file, events.empty() ? "[]\n" : events + "]\n");
}

}  // namespace twinflow
