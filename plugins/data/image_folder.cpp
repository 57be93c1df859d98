#include "image_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "collection.h"
#include "natural.h"
#include "twinflow/error.h"
#include "twinflow/interrupt.h"
#include "twinflow/text.h"

namespace twinflow::data {

namespace fs = std::filesystem;

namespace {

/// What is in a folder, in natural order.
struct Listing {
  std::vector<fs::path> folders, files;
};

void sort_naturally(std::vector<fs::path>& paths) {
  std::sort(paths.begin(), paths.end(), [](const fs::path& a, const fs::path& b) {
    return natural_less(a.filename().native(), b.filename().native());
  });
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(fmt::format("'{}' {}", shown(path.string()), what));
}

/// A link to a folder around it would go on for ever.
void refuse_loop(const fs::path& link) {
  const std::string to = fs::canonical(link).string() + "/";
  const std::string around = fs::canonical(link.parent_path()).string() + "/";
  if (around.starts_with(to)) fail(link, "is a link to a folder that it lies in");
}

Listing list(const fs::path& folder) {
  Listing listing;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      throw_if_interrupted();
      const fs::path& path = entry.path();
      if (is_litter(path.filename().string())) continue;
      std::error_code error;
      const fs::file_status status = fs::status(path, error);  // of what a link leads to
      if (status.type() == fs::file_type::not_found) fail(path, "is a link that leads nowhere");
      if (error) fail(path, "cannot be read: " + error.message());
      if (fs::is_directory(status)) {
        if (entry.is_symlink()) refuse_loop(path);
        listing.folders.push_back(path);
      } else if (fs::is_regular_file(status)) {
        listing.files.push_back(path);
      } else {
        fail(path, "is neither a file nor a folder");
      }
    }
  } catch (const fs::filesystem_error& error) {
    fail(folder, "cannot be read: " + error.code().message());
  }
  sort_naturally(listing.folders);
  sort_naturally(listing.files);
  return listing;
}

constexpr const char* layouts =
    "images lie in a folder of class folders, or of group folders of class folders";

/// The layout that the files show; the first file of each depth is named where both are there.
Layout detect(const std::vector<Listing>& first, const std::vector<std::vector<Listing>>& second) {
  const fs::path *in_classes = nullptr, *in_groups = nullptr;
  for (std::size_t i = first.size(); i-- > 0;) {
    if (!first[i].files.empty()) in_classes = &first[i].files.front();
    for (std::size_t j = second[i].size(); j-- > 0;)
      if (!second[i][j].files.empty()) in_groups = &second[i][j].files.front();
  }
  if (in_classes && in_groups)
    throw Error(fmt::format("'{}' lies one folder deep and '{}' two: {}, not in a mixture of both",
                            shown(in_classes->string()), shown(in_groups->string()), layouts));
  return in_groups ? Layout::groups : Layout::classes;
}

std::string name_of(const fs::path& folder) { return shown(folder.filename().string()); }

void require_folder(const fs::path& folder) {
  std::error_code ignored;  // what cannot be looked at is not there
  if (!fs::exists(folder, ignored)) fail(folder, "does not exist");
  if (!fs::is_directory(folder, ignored)) fail(folder, "is not a folder");
}

/// The files of a folder, then those of the folders in it. `around`: where it really lies, and those it was
/// reached through: links across may lead round in a circle, too.
void add_files(const fs::path& folder, std::vector<fs::path>& around, std::vector<fs::path>& files) {
  Listing listing = list(folder);
  std::move(listing.files.begin(), listing.files.end(), std::back_inserter(files));
  for (const fs::path& inner : listing.folders) {
    const fs::path real = fs::canonical(inner);
    if (std::find(around.begin(), around.end(), real) != around.end())
      fail(inner, "is a link that leads round in a circle");
    around.push_back(real);
    add_files(inner, around, files);
    around.pop_back();
  }
}

}  // namespace

ImageFolder list_unlabelled(const fs::path& folder) {
  require_folder(folder);
  std::vector<fs::path> around = {fs::canonical(folder)}, files;
  const std::string group = name_of(around[0]);
  add_files(folder, around, files);
  if (files.empty()) fail(folder, "holds no images");
  return {{group}, {{"", 0, std::move(files)}}};
}

ImageFolder list_images(const fs::path& folder, Layout layout) {
  require_folder(folder);
  const Listing top = list(folder);
  if (!top.files.empty())
    fail(top.files.front(),
         fmt::format("lies in no class folder: {}; labels = \"none\" takes images wherever they lie",
                     layouts));
  std::vector<Listing> first;                // of each folder in it
  std::vector<std::vector<Listing>> second;  // of each folder in these
  for (const fs::path& outer : top.folders) {
    first.push_back(list(outer));
    second.emplace_back();
    for (const fs::path& inner : first.back().folders) {
      second.back().push_back(list(inner));
      if (!second.back().back().folders.empty())
        fail(second.back().back().folders.front(), fmt::format("is a folder too deep: {}", layouts));
    }
  }
  if (layout == Layout::detect) layout = detect(first, second);

  ImageFolder found;
  std::size_t count = 0;
  const auto add = [&](const fs::path& one, std::vector<fs::path> files) {
    count += files.size();
    found.classes.push_back({name_of(one), found.groups.size() - 1, std::move(files)});
  };
  if (layout == Layout::classes) found.groups.push_back(name_of(fs::canonical(folder)));
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (layout == Layout::classes) {
      if (!first[i].folders.empty())
        fail(first[i].folders.front(), "is a folder in a class folder: the layout is \"classes\"");
      add(top.folders[i], std::move(first[i].files));
    } else {
      if (!first[i].files.empty())
        fail(first[i].files.front(),
             "lies in a group folder, not in a class folder: the layout is \"groups\"");
      if (first[i].folders.empty()) fail(top.folders[i], "is a group folder without class folders");
      found.groups.push_back(name_of(top.folders[i]));
      for (std::size_t j = 0; j < second[i].size(); ++j)
        add(first[i].folders[j], std::move(second[i][j].files));
    }
  }
  if (count == 0) fail(folder, "holds no images");
  return found;
}

}  // namespace twinflow::data
