#include "path_text.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "error_of.h"

using namespace twinflow;

TEST_CASE("path_text: any path comes back from its text, which is UTF-8") {
  for (const char* path : {"", "a/b", "/x/Grün", "/a%20b", "/quo\"te\\", "/bilder_\xe4/100%\x1b ~.png"})
    CHECK(path_from_text(text_of_path(path)).native() == path);
  CHECK(text_of_path("/x/Grün 100%") == "/x/Grün 100%");
  CHECK(text_of_path("/x y/bilder_\xe4%") == "file:///x%20y/bilder_%E4%25");
  CHECK(path_from_text("file:///x%2Fy/z").native() == "/x/y/z");
}

TEST_CASE("path_text: what names no file of this machine") {
  for (const char* uri :
       {"file://", "file://host/x", "file:///x%", "file:///x%4", "file:///x%zz", "file:///x%00"})
    CHECK(error_of([&] { path_from_text(uri); }) ==
          "'" + std::string(uri) + "' is not the URI of a file, such as file:///home/me/photos%20of%20cats");
}

TEST_CASE("path_text: the home folder") {
  const char* const before = std::getenv("HOME");
  const std::string home = before ? before : "";
  ::setenv("HOME", "/home/me", 1);
  CHECK(path_from_text("~/photos").native() == "/home/me/photos");
  CHECK(path_from_text("~").native() == "/home/me");
  CHECK(path_from_text("~me/photos").native() == "~me/photos");
  CHECK(path_from_text("a/~/b").native() == "a/~/b");
  ::unsetenv("HOME");
  CHECK(error_of([] { path_from_text("~/photos"); }) ==
        "'~/photos' is in the home folder, but the environment has no HOME: write the whole path");
  if (before) ::setenv("HOME", home.c_str(), 1);
}
