// Any bytes as a zip: it is read within its limits, with names that stay inside, or refused with an Error.
#include "fuzz.h"
#include "plugins/data/collection.h"

using namespace twinflow;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const data::Limits limits{.files = 8, .file_bytes = 1 << 12, .total_bytes = 1 << 14};
  try {
    const data::Collection read =
        data::read_collection(temp_folder().write("given.zip", text_of(bytes, size)), limits);
    demand(read.files.size() <= limits.files, "there are too many files");
    std::size_t total = 0;
    for (std::size_t i = 0; i < read.files.size(); ++i) {
      const data::File& file = read.files[i];
      demand(i == 0 || read.files[i - 1].name < file.name, "the names are not sorted");
      const std::filesystem::path name = file.name;
      demand(name.is_relative() && (name.empty() || *name.lexically_normal().begin() != ".."),
             "a name leads elsewhere: " + file.name);
      demand(file.bytes.size() <= limits.file_bytes, "a file is too large");
      total += file.bytes.size();
    }
    demand(total <= limits.total_bytes, "all files are too large");
  } catch (const Error&) {
  }
  return 0;
}
