// Any bytes as the saved state of a run: they are read or refused with an Error. A checksum that fits is put
// in, for nobody finds one by chance; what is read then, written and read again, is the same.
#include <cmath>

#include "fuzz.h"
#include "same_tensor.h"
#include "saved_run.h"

using namespace twinflow;

namespace {

bool same(const State::Value& a, const State::Value& b) {
  const auto *left = std::get_if<double>(&a), *right = std::get_if<double>(&b);
  if (left && right && std::isnan(*left) && std::isnan(*right)) return true;
  return a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::filesystem::path folder = temp_folder().path;
  temp_folder().write("state.safetensors", text_of(bytes, size));
  try {
    read_saved_run(folder);
  } catch (const Error&) {
  }
  States read;
  try {
    NamedTensors given = read_safetensors(state_file(folder));
    write_states(Folder(folder), state_name, given);
    read = read_states(state_file(folder));
  } catch (const Error&) {
    return 0;
  }
  try {
    SavedRun run = read_saved_run(folder);
    forget_node(run, run.types.empty() ? "sum" : run.types.begin()->first);
  } catch (const Error&) {
  }
  NamedTensors written = packed(read);
  write_states(Folder(folder), "written", written);
  const States again = read_states(folder / "written");
  demand(again.size() == read.size(), "another number of parts came back");
  for (const auto& [part, state] : read) {
    demand(again.contains(part), "the part '" + part + "' did not come back");
    const State& other = again.at(part);
    demand(other.tensors.size() == state.tensors.size() && other.values.size() == state.values.size(),
           "another number of values came back");
    for (const auto& [name, tensor] : state.tensors)
      demand(other.tensors.contains(name) && same(other.tensors.at(name), tensor),
             "the tensor '" + name + "' came back different");
    for (const auto& [name, value] : state.values)
      demand(other.values.contains(name) && same(other.values.at(name), value),
             "the value '" + name + "' came back different");
  }
  return 0;
}
