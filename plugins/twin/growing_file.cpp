#include "growing_file.h"

namespace twinflow::twin {

namespace {

std::string part_of(const std::string& name) { return name + ".part"; }

}  // namespace

void GrowingFile::begin(const Folder& folder, const std::string& name) {
  file_ = folder.begin(part_of(name));
  name_ = name;
  size_ = 0;
}

bool GrowingFile::resume(const Folder& folder, const std::string& name, std::uint64_t size) {
  const std::string part = part_of(name);
  if (!folder.exists(part) && folder.exists(name)) folder.rename(name, part);
  if (!folder.exists(part)) return false;
  FolderFile file = folder.open(part);
  if (file.size() < size) return false;
  file.resize(size);
  file_ = std::move(file);
  name_ = name;
  size_ = size;
  return true;
}

void GrowingFile::append(std::string_view bytes) {
  file_->write(size_, bytes);
  size_ += bytes.size();
}

void GrowingFile::finish() {
  file_->folder().replace(file_->name(), name_);
  file_.reset();
}

}  // namespace twinflow::twin
