#include "plugins/twin/npy.h"

#include <doctest/doctest.h>

using namespace twinflow::twin;

TEST_CASE("the head of a .npy file has every byte in its place") {
  const std::string head = npy_header(12, 3);
  REQUIRE(head.size() == 128);
  CHECK(head.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));  // 118 bytes follow
  CHECK(head.substr(10, 63) == "{'descr': '<f4', 'fortran_order': False, 'shape': (12, 3), }   ");
  CHECK(head.find_first_not_of(' ', 70) == 127);
  CHECK(head.back() == '\n');
}

TEST_CASE("any number of rows fits into the head's length") {
  const std::string head = npy_header(UINT64_MAX, UINT64_MAX);
  CHECK(head.size() == 128);
  CHECK(head.find("(18446744073709551615, 18446744073709551615), }") != head.npos);
  CHECK(head.back() == '\n');
}
