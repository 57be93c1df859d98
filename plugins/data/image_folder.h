#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace twinflow::data {

/// A folder of class folders, or of group folders of class folders, with a file for each image. Groups,
/// classes and files are in natural order: img2 before img10 (natural_less).
struct ImageFolder {
  struct Class {
    std::string name;  // of the folder; empty: nobody knows what the images show
    std::size_t group = 0;
    std::vector<std::filesystem::path> files;  // none, where the folder is empty
  };
  std::vector<std::string> groups;  // without group folders one, called like the whole folder
  std::vector<Class> classes;
};

enum class Layout { detect, classes, groups };

/// Lists every file, whatever its name, but for hidden ones and what desktops leave behind (is_litter).
/// Links are followed. Which layout it is follows from how deep the files lie, unless it is said. Throws
/// Error, naming file or folder, for a file that lies elsewhere than in a class folder, a mixture of both
/// layouts, what is neither a file nor a folder, a folder that cannot be read, a link that leads nowhere or
/// to a folder around it, a group without classes, and when there is no file at all.
ImageFolder list_images(const std::filesystem::path& folder, Layout layout);

/// Every file in a folder and in the folders in it, however deep, as one class without a name: the
/// files of a folder come before those of the folders in it. What is left out and what is refused is the
/// same, but that a file may lie anywhere.
ImageFolder list_unlabelled(const std::filesystem::path& folder);

}  // namespace twinflow::data
