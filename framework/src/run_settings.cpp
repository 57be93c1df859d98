#include "run_settings.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace twinflow {

namespace {

constexpr struct {
  char letter;
  std::int64_t seconds;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
constexpr std::int64_t longest = 36500 * units[0].seconds;  // a hundred years

/// Numbers with their units, each unit once, the large ones first. 0 when it is something else.
std::int64_t seconds_of(std::string_view text) {
  std::int64_t sum = 0;
  for (const auto& unit : units) {
    std::int64_t count = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end == text.data() + text.size() || *end != unit.letter) continue;
    if (count < 0 || count > longest) return 0;
    sum += count * unit.seconds;
    text.remove_prefix(static_cast<std::size_t>(end + 1 - text.data()));
  }
  return text.empty() && sum <= longest ? sum : 0;
}

}  // namespace

bool ParamType<Epochs>::read(const Value& value, Epochs& out, Problems& problems) {
  if (const auto* number = value.get<std::int64_t>()) return out = {*number, false}, true;
  const auto* word = value.get<std::string>();
  if (word && *word == "unlimited") return out.unlimited = true;
  problems.error(value.place, fmt::format("expected a number of epochs, or \"unlimited\", found {}",
                                          word ? ParamType<std::string>::text(*word) : value.type_text()));
  return false;
}
std::string ParamType<Epochs>::text(const Epochs& epochs) {
  return epochs.unlimited ? "\"unlimited\"" : ParamType<std::int64_t>::text(epochs.number);
}

bool ParamType<Duration>::read(const Value& value, Duration& out, Problems& problems) {
  const auto* text = value.get<std::string>();
  if (text) out.seconds = seconds_of(*text);
  if (text && out.seconds > 0) return true;
  problems.error(value.place,
                 fmt::format("expected a time, such as \"90s\", \"15m\", \"1h30m\" or \"2d\", found {}",
                             text ? ParamType<std::string>::text(*text) : value.type_text()));
  return false;
}
std::string ParamType<Duration>::text(const Duration& duration) {
  std::string all;
  std::int64_t rest = duration.seconds;
  for (const auto& unit : units) {
    if (rest >= unit.seconds) all += fmt::format("{}{}", rest / unit.seconds, unit.letter);
    rest %= unit.seconds;
  }
  return "\"" + all + "\"";
}

void RunSettings::describe(TableSpec<RunSettings>& spec) {
  spec.name("[run]").summary("What holds for the whole run.");
  spec.example("[run]\nseed = 7\nepochs = 3\nsteps_per_epoch = 10");
  spec.param("seed", &RunSettings::seed).doc("every random choice follows from it").min(0);
  spec.param("epochs", &RunSettings::epochs)
      .doc("how many epochs to train; unlimited: until a monitor, a budget or a signal ends the run")
      .range(1, 1e9);
  spec.param("steps_per_epoch", &RunSettings::steps_per_epoch)
      .doc("items of the stream in an epoch; 0: all items of a finite source, or 100 of an endless one")
      .range(0, 1e9);
  spec.param("max_steps", &RunSettings::max_steps)
      .doc(
          "a budget: after so many items the run ends, within an epoch too, with its state saved. Where "
          "epochs are unlimited, schedules take it for the length of the run")
      .unit("items")
      .range(1, 1e15);
  spec.param("max_time", &RunSettings::max_time)
      .doc(
          "a budget: after so long, \"1h30m\" say, with the time before it was resumed, the run ends "
          "likewise");
  spec.param("save_every", &RunSettings::save_every)
      .doc("how often the state that --resume goes on from is saved; 0: only when the run ends")
      .unit("epochs")
      .range(0, 1e9);
  spec.param("save_steps", &RunSettings::save_steps)
      .doc("how often it is saved within an epoch as well; 0: not by steps")
      .unit("items")
      .range(0, 1e15);
  spec.param("save_minutes", &RunSettings::save_minutes)
      .doc("after how long it is saved within an epoch as well; 0: not by time")
      .unit("minutes")
      .range(0, 1e6);
  spec.param("progress", &RunSettings::progress)
      .doc("\"node.metric\", ...: what the progress shows; []: the first metric of every node");
  spec.param("plugins", &RunSettings::plugins)
      .doc("plugin libraries, or folders of them, that the graph needs");
  spec.param("distributed", &RunSettings::distributed)
      .doc(
          "how the processes that train together are connected: \"mpi\", which need not be said where "
          "mpirun or srun has started several; \"none\": each runs the graph by itself");
  spec.param("batch_per_rank", &RunSettings::batch_per_rank)
      .doc(
          "whether each of several processes takes a batch of its own at every step, and the mean of their "
          "gradients counts, much as where one process accumulates so many batches; otherwise they share "
          "each batch, and train as one process does");
}

}  // namespace twinflow
