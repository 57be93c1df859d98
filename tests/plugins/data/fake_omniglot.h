#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <doctest/doctest.h>
#include <png.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "error_of.h"
#include "temp_folder.h"

/// A small data set of Omniglot's layout, written as zips or folders into a folder of its own.
namespace fake {

namespace fs = std::filesystem;
using ::error_of;
using Bytes = std::vector<std::uint8_t>;
using Files = std::vector<std::pair<std::string, Bytes>>;

using ::TempFolder;

inline void write(const fs::path& file, const Bytes& bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream stream(file, std::ios::binary);
  stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(stream.good());
}

inline Bytes read(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(stream), {});
}

inline void write_folder(const fs::path& folder, const Files& files) {
  fs::create_directories(folder);
  for (const auto& [name, bytes] : files) write(folder / name, bytes);
}

/// `prefix` goes before every name, as zips of a whole folder have it.
inline void write_zip(const fs::path& file, const Files& files, const std::string& prefix = "") {
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  REQUIRE(archive_write_open_filename(zip, file.c_str()) == ARCHIVE_OK);
  for (const auto& [name, bytes] : files) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, (prefix + name).c_str());
    archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    REQUIRE(archive_write_header(zip, entry) == ARCHIVE_OK);
    if (!bytes.empty()) REQUIRE(archive_write_data(zip, bytes.data(), bytes.size()) >= 0);
    archive_entry_free(entry);
  }
  REQUIRE(archive_write_close(zip) == ARCHIVE_OK);
  archive_write_free(zip);
}

inline Bytes text(const std::string& of) { return Bytes(of.begin(), of.end()); }

/// White paper with a dark bar of 6 pixels' thickness whose place tells `mark`, 0 to 33.
inline Bytes png(int mark, int height = 105, int width = 105) {
  Bytes grey(static_cast<std::size_t>(height) * width, 255);
  for (int y = 0; y < 6; ++y)
    std::fill_n(grey.begin() + static_cast<std::ptrdiff_t>((mark * 3 + y) % height) * width, width, 0);
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(width);
  image.height = static_cast<png_uint_32>(height);
  image.format = PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  Bytes bytes(size);
  REQUIRE(png_image_write_to_memory(&image, bytes.data(), &size, 0, grey.data(), 0, nullptr));
  bytes.resize(size);
  return bytes;
}

/// Two alphabets, of two and one characters, by two drawers; mark = 10 * ID + drawer.
inline Files images() {
  return {{"Greek/character02/0002_02.png", png(22)},    {"Greek/character02/0002_01.png", png(21)},
          {"Greek/character01/0001_01.png", png(11)},    {"Greek/character01/0001_02.png", png(12)},
          {"Arcadian/character01/0003_01.png", png(31)}, {"Arcadian/character01/0003_02.png", png(32)}};
}

/// Two runs of two classes; mark = 10 * run + class, tests 5 more.
inline Files runs() {
  return {{"run01/training/class01.png", png(11)},
          {"run01/training/class02.png", png(12)},
          {"run01/test/item01.png", png(16)},
          {"run01/test/item02.png", png(17)},
          {"run01/class_labels.txt", text("run01/test/item01.png run01/training/class02.png\n"
                                          "run01/test/item02.png run01/training/class01.png\n")},
          {"run02/training/class01.png", png(21)},
          {"run02/training/class02.png", png(22)},
          {"run02/test/item01.png", png(26)},
          {"run02/test/item02.png", png(27)},
          {"run02/class_labels.txt", text("run02/test/item01.png run02/training/class01.png\n"
                                          "run02/test/item02.png run02/training/class02.png\n")}};
}

inline Bytes& file(Files& files, const std::string& name) {
  for (auto& [one, bytes] : files)
    if (one == name) return bytes;
  FAIL("no file " << name);
  std::abort();
}

/// The real data, where this machine has them.
inline std::optional<fs::path> real_omniglot() {
  const char* set = std::getenv("TWINFLOW_OMNIGLOT");
  const fs::path path =
      set && *set ? fs::path(set) : fs::path(TWINFLOW_SOURCE_DIR) / ".." / "shared" / "data" / "omniglot";
  if (fs::exists(path / "images_background.zip") && fs::exists(path / "all_runs.zip")) return path;
  MESSAGE("skipped: there is no Omniglot in " << path.string() << " (set TWINFLOW_OMNIGLOT)");
  return std::nullopt;
}

}  // namespace fake
