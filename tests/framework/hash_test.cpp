#include "twinflow/hash.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace twinflow;

namespace {

template <class... Things>
std::uint64_t hash_of(const Things&... things) {
  StableHash hash;
  (hash.add(things), ...);
  return hash.value();
}

}  // namespace

TEST_CASE("the hash is XXH64, which other programs have, too") {
  const std::array<std::uint8_t, 3> abc{'a', 'b', 'c'};
  CHECK(stable_hash(abc) == 0x44bc2cf5ad770999u);
  CHECK(stable_hash({}) == 0xef46db3751d8e999u);
  CHECK(hash_of() == 0xef46db3751d8e999u);
  // A text as its length, in 8 bytes, and its bytes.
  const std::array<std::uint8_t, 11> framed{3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
  CHECK(hash_of(std::string_view("abc")) == stable_hash(framed));
}

TEST_CASE("nothing can move from one text or array to the next") {
  CHECK(hash_of(std::string("ab"), std::string("c")) != hash_of(std::string("a"), std::string("bc")));
  using Floats = std::vector<float>;
  CHECK(hash_of(Floats{1, 2}, Floats{}) != hash_of(Floats{1}, Floats{2}));
  CHECK(hash_of(Floats{0.0f}) != hash_of(Floats{-0.0f}));
  using Sizes = std::vector<std::int64_t>;
  CHECK(hash_of(Sizes{1}, Sizes{2, 3}) != hash_of(Sizes{1, 2}, Sizes{3}));
}
