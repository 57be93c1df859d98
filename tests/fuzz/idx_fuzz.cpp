// Any bytes as an IDX file, plain or compressed: it is read, whole and within the limit, or refused with an
// Error.
#include "fuzz.h"
#include "plugins/data/idx_file.h"

using namespace twinflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::size_t most = 1 << 16;
  const std::filesystem::path file = temp_folder().write("given", text_of(bytes, size));
  for (const std::size_t dimensions : {1, 3}) try {
      data::IdxFile opened(file, dimensions, most);
      const std::vector<std::uint8_t> values = opened.read();
      std::size_t count = 1;
      for (const std::size_t length : opened.shape()) count *= length;
      demand(opened.shape().size() == dimensions, "it has another number of dimensions");
      demand(count == values.size() && count > 0 && count <= most, "it has another number of values");
    } catch (const Error&) {
    }
  return 0;
}
