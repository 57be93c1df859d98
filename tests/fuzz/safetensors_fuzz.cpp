// Any bytes as a safetensors file: they are read or refused with an Error, and what was read, written and
// read again is the same.
#include "fuzz.h"
#include "same_tensor.h"
#include "twinflow/tensors.h"

using namespace twinflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  NamedTensors read;
  try {
    read = read_safetensors(temp_folder().write("given", text_of(bytes, size)));
  } catch (const Error&) {
    return 0;
  }
  write_safetensors(temp_folder().path / "written", read);
  const NamedTensors again = read_safetensors(temp_folder().path / "written");
  demand(again.metadata == read.metadata, "metadata came back different");
  demand(again.tensors.size() == read.tensors.size(), "another number of tensors came back");
  for (const auto& [name, tensor] : read.tensors)
    demand(again.tensors.contains(name) && same(again.tensors.at(name), tensor),
           "the tensor '" + name + "' came back different");
  return 0;
}
