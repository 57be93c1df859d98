#include "needed_libraries.h"

#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>

namespace twinflow {

namespace {

/// As many whole Ts as fit into that range of the file; none where the file does not reach so far.
template <class T>
std::vector<T> read_table(std::ifstream& file, std::uint64_t offset, std::uint64_t bytes) {
  file.seekg(0, std::ios::end);
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(file.tellg(), 0));
  if (offset > size || bytes > size - offset) return {};
  std::vector<T> table(bytes / sizeof(T));
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(table.data()), static_cast<std::streamsize>(table.size() * sizeof(T)));
  return file ? table : std::vector<T>();
}

}  // namespace

/// "Executable and Linkable Format", chapters "ELF Header", "Sections" and "Dynamic Section" (System V ABI):
/// an entry DT_NEEDED of the section of type SHT_DYNAMIC is the place of a name in the string table that the
/// section links to.
std::vector<std::string> needed_libraries(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const auto header = read_table<ElfW(Ehdr)>(file, 0, sizeof(ElfW(Ehdr)));
  if (header.empty() || header[0].e_shentsize != sizeof(ElfW(Shdr)) ||
      std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0)
    return {};
  const auto sections =
      read_table<ElfW(Shdr)>(file, header[0].e_shoff, std::uint64_t{header[0].e_shnum} * sizeof(ElfW(Shdr)));
  std::vector<std::string> names;
  for (const auto& section : sections) {
    if (section.sh_type != SHT_DYNAMIC || section.sh_link >= sections.size()) continue;
    const auto& strings = sections[section.sh_link];
    const auto text = read_table<char>(file, strings.sh_offset, strings.sh_size);
    for (const auto& entry : read_table<ElfW(Dyn)>(file, section.sh_offset, section.sh_size))
      if (entry.d_tag == DT_NEEDED && entry.d_un.d_val < text.size()) {
        const auto begin = text.begin() + static_cast<std::ptrdiff_t>(entry.d_un.d_val);
        names.emplace_back(begin, std::find(begin, text.end(), '\0'));
      }
  }
  return names;
}

}  // namespace twinflow
