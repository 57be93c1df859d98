#include "file_lock.h"

#include <doctest/doctest.h>

#include "temp_folder.h"

using namespace twinflow;

TEST_CASE("a file is locked against all others until its lock ends") {
  const TempFolder temp;
  const Folder folder(temp.path);
  {
    FileLock first(folder, "lock");
    CHECK(first.state() == FileLock::State::held);
    CHECK(FileLock(folder, "lock").state() == FileLock::State::taken);
    CHECK(FileLock(folder, "other").state() == FileLock::State::held);
  }
  CHECK(FileLock(folder, "lock").state() == FileLock::State::held);
}
