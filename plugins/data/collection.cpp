#include "collection.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string_view>

#include "twinflow/error.h"
#include "twinflow/interrupt.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

/// Collects files and holds them to the limits.
class Collector {
 public:
  Collector(const fs::path& path, const Limits& limits) : stem_(path.stem().string() + "/"), limits_(limits) {
    made_.path = path;
  }

  /// Whether to read the file of that name. Throws when the name or the size is not to be trusted.
  bool wants(const std::string& name, std::int64_t size) const {
    const auto has = [&](std::string_view text) { return name.find(text) != std::string::npos; };
    // With "//" in it, a name may become an absolute one as its first folder is cut off.
    if (name.empty() || name.front() == '/' || name.back() == '/' || has("//") || has("\\") ||
        has(std::string_view("\0", 1)))
      fail(name, "is not a plain relative path");
    bool wanted = true;
    for (std::size_t from = 0; from <= name.size();) {
      const std::size_t to = std::min(name.find('/', from), name.size());
      const std::string_view part(name.data() + from, to - from);
      if (part == "..") fail(name, "points outside of the archive");
      if (is_litter(part)) wanted = false;
      from = to + 1;
    }
    if (!wanted) return false;
    if (size > static_cast<std::int64_t>(limits_.file_bytes))
      fail(name,
           fmt::format("has {} bytes, more than the {} that a file may have here", size, limits_.file_bytes));
    if (made_.files.size() == limits_.files)
      throw Error(fmt::format("{} holds more than {} files", made_.path.string(), limits_.files));
    return true;
  }

  void add(std::string name, std::vector<std::uint8_t> bytes) {
    total_ += bytes.size();
    if (total_ > limits_.total_bytes)
      throw Error(
          fmt::format("{} holds more than {} bytes unpacked", made_.path.string(), limits_.total_bytes));
    require_memory(limits_.memory, static_cast<double>(total_), made_.path.string() + ", unpacked,",
                   "take a smaller set, or leave the run more memory");
    if (name.starts_with(stem_)) name.erase(0, stem_.size());
    made_.files.push_back({std::move(name), std::move(bytes)});
  }

  Collection finish() {
    auto& files = made_.files;
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.name < b.name; });
    const auto twice = std::adjacent_find(files.begin(), files.end(),
                                          [](const File& a, const File& b) { return a.name == b.name; });
    if (twice != files.end()) fail(twice->name, "is in it twice");
    return std::move(made_);
  }

  [[noreturn]] void fail(const std::string& name, const std::string& what) const {
    throw Error(fmt::format("{}, '{}': {}", made_.path.string(), name, what));
  }

  const Limits& limits() const { return limits_; }

 private:
  Collection made_;
  std::string stem_;
  Limits limits_;
  std::size_t total_ = 0;
};

Collection read_zip(const fs::path& path, const Limits& limits) {
  Collector collector(path, limits);
  const std::unique_ptr<::archive, int (*)(::archive*)> zip(archive_read_new(), archive_read_free);
  const auto damaged = [&] {
    const char* why = archive_error_string(zip.get());
    return Error(
        fmt::format("{} is not a whole zip file: {}", path.string(), why ? why : "it cannot be read"));
  };
  // Only by the directory at the zip's end: a zip that was cut short has none, and is refused as a whole.
  if (!zip || archive_read_support_format_zip_seekable(zip.get()) != ARCHIVE_OK) throw damaged();
  if (archive_read_open_filename(zip.get(), path.c_str(), std::size_t{1} << 16) != ARCHIVE_OK)
    throw damaged();

  for (archive_entry* entry = nullptr;;) {
    throw_if_interrupted();
    const int header = archive_read_next_header(zip.get(), &entry);
    if (header == ARCHIVE_EOF) break;
    if (header != ARCHIVE_OK) throw damaged();
    const char* raw_name = archive_entry_pathname(entry);
    const std::string name = raw_name ? raw_name : "";
    if (archive_entry_filetype(entry) == AE_IFDIR) continue;
    if (archive_entry_filetype(entry) != AE_IFREG) collector.fail(name, "is not a plain file");
    if (!collector.wants(name, archive_entry_size(entry))) continue;

    std::vector<std::uint8_t> bytes;  // grows as it is read: the size that the zip states may be wrong
    for (std::uint8_t block[1 << 14];;) {
      const la_ssize_t got = archive_read_data(zip.get(), block, sizeof block);
      if (got == 0) break;
      if (got < 0) collector.fail(name, fmt::format("is damaged: {}", archive_error_string(zip.get())));
      bytes.insert(bytes.end(), block, block + got);
      if (bytes.size() > collector.limits().file_bytes)
        collector.wants(name, static_cast<std::int64_t>(bytes.size()));
    }
    if (archive_entry_size_is_set(entry) &&
        static_cast<std::size_t>(archive_entry_size(entry)) != bytes.size())
      collector.fail(
          name, fmt::format("is damaged: {} bytes instead of {}", bytes.size(), archive_entry_size(entry)));
    collector.add(name, std::move(bytes));
  }
  return collector.finish();
}

Collection read_folder(const fs::path& path, const Limits& limits) {
  Collector collector(path, limits);
  try {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      throw_if_interrupted();
      const std::string name = entry.path().lexically_relative(path).generic_string();
      if (!entry.is_regular_file()) continue;
      const std::uintmax_t size = entry.file_size();
      if (!collector.wants(name, static_cast<std::int64_t>(size))) continue;
      std::vector<std::uint8_t> bytes(size);
      std::ifstream stream(entry.path(), std::ios::binary);
      if (!stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
        collector.fail(name, "cannot be read");
      collector.add(name, std::move(bytes));
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(fmt::format("{} cannot be read: {}", path.string(), error.code().message()));
  }
  return collector.finish();
}

}  // namespace

bool is_litter(std::string_view name) {
  return name == "__MACOSX" || name == "Thumbs.db" || name == "desktop.ini" || name.starts_with('.');
}

std::optional<fs::path> find_collection(const fs::path& folder, const std::string& stem) {
  std::error_code ignored;  // what cannot be looked at is not there
  const fs::path zip = folder / (stem + ".zip"), unpacked = folder / stem;
  if (fs::exists(zip, ignored)) return zip;
  if (fs::is_directory(unpacked, ignored)) return unpacked;
  return std::nullopt;
}

Collection read_collection(const fs::path& path, const Limits& limits) {
  return fs::is_directory(path) ? read_folder(path, limits) : read_zip(path, limits);
}

}  // namespace twinflow::data
