#include "trace.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "folder_of.h"
#include "twinflow/json_text.h"

namespace twinflow {

Tracer::~Tracer() = default;

std::string Trace::json() const {
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
  return events.empty() ? "[]\n" : events + "]\n";
}

TraceFile::TraceFile(const std::filesystem::path& file)
    : folder_(folder_of(file)), name_(file.filename().string()), lock_(folder_, name_) {
  if (lock_.state() == FileLock::State::taken)
    throw Error(fmt::format("another run writes its trace to '{}': name another file", file.string()));
  lock_.file().resize(0);
  lock_.file().write(0, "[]\n");
}

}  // namespace twinflow
