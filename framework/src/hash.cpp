#include "twinflow/hash.h"

#include <xxhash.h>

#include <new>

namespace twinflow {

namespace {

XXH64_state_t* state_of(void* state) { return static_cast<XXH64_state_t*>(state); }

}  // namespace

void StableHash::Free::operator()(void* state) const { XXH64_freeState(state_of(state)); }

StableHash::StableHash() : state_(XXH64_createState()) {
  if (!state_) throw std::bad_alloc();
  XXH64_reset(state_of(state_.get()), 0);
}

void StableHash::add_bytes(const void* data, std::size_t bytes) {
  add(std::uint64_t{bytes});
  if (bytes > 0) XXH64_update(state_of(state_.get()), data, bytes);
}

void StableHash::add(std::uint64_t number) { XXH64_update(state_of(state_.get()), &number, sizeof number); }

void StableHash::add(std::string_view text) { add_bytes(text.data(), text.size()); }

void StableHash::add(std::span<const float> numbers) { add_bytes(numbers.data(), numbers.size_bytes()); }

void StableHash::add(const std::vector<std::int64_t>& numbers) {
  add_bytes(numbers.data(), numbers.size() * sizeof numbers[0]);
}

std::uint64_t StableHash::value() const {
  return XXH64_digest(static_cast<const XXH64_state_t*>(state_.get()));
}

std::uint64_t stable_hash(std::span<const std::uint8_t> bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

}  // namespace twinflow
