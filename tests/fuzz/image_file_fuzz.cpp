// Any bytes as an image file: they pass on to OpenCV or are refused with an Error. What passes is whole: it
// passes again as it is, and a PNG of it that lacks its last byte does not.
#include <algorithm>

#include "fuzz.h"
#include "plugins/data/container.h"

using twinflow::data::whole_image_file;

namespace {

bool passes(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> scratch;
  try {
    whole_image_file(bytes, "given", scratch);
    return true;
  } catch (const twinflow::Error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::vector<std::uint8_t> scratch, again_scratch;
  std::span<const std::uint8_t> whole;
  try {
    whole = whole_image_file({bytes, size}, "given", scratch);
  } catch (const twinflow::Error&) {
    return 0;
  }
  demand(whole.size() <= size, "what passed has grown");
  const auto again = whole_image_file(whole, "passed", again_scratch);
  demand(std::equal(whole.begin(), whole.end(), again.begin(), again.end()), "it does not pass as it is");
  const bool png = size > 8 && bytes[0] == 0x89 && text_of(bytes + 1, 7) == "PNG\r\n\x1a\n";
  demand(!png || !passes(whole.first(whole.size() - 1)), "a PNG passed without its last byte");
  return 0;
}
