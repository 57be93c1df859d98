#include "agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "twinflow/error.h"

namespace twinflow {

Agreement::Wish Agreement::settle(const Wish& mine) {
  std::vector<Wish> wishes(static_cast<std::size_t>(ranks_.size()));
  std::vector<std::span<std::byte>> room;
  for (Wish& one : wishes) room.push_back(std::as_writable_bytes(std::span(&one, 1)));
  ranks_
      .gather(channel_, std::as_bytes(std::span(&mine, 1)), std::move(room),
              fmt::format("settling how to go on at step {}", mine.next_step))
      .get();
  Wish settled = mine;
  for (std::size_t rank = 0; rank < wishes.size(); ++rank) {
    const Wish& one = wishes[rank];
    settled.signal = std::max(settled.signal, one.signal);
    settled.budget |= one.budget;
    settled.pause |= one.pause;
    settled.seconds = std::max(settled.seconds, one.seconds);
    if (one.next_step != mine.next_step)
      throw Error(fmt::format("{} is at step {}, {} at step {}", ranks_.name(ranks_.rank()), mine.next_step,
                              ranks_.name(static_cast<int>(rank)), one.next_step));
  }
  return settled;
}

std::vector<std::string> Agreement::of_all(const std::string& text) {
  const std::uint64_t length = text.size();
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(ranks_.size()));
  std::vector<std::span<std::byte>> room;
  for (std::uint64_t& one : lengths) room.push_back(std::as_writable_bytes(std::span(&one, 1)));
  ranks_.gather(channel_, std::as_bytes(std::span(&length, 1)), room, "comparing runs").get();
  std::vector<std::string> texts;
  room.clear();
  for (const std::uint64_t one : lengths) texts.emplace_back(one, '\0');
  for (std::string& one : texts) room.push_back(std::as_writable_bytes(std::span(one)));
  ranks_.gather(channel_, std::as_bytes(std::span(text)), room, "comparing runs").get();
  return texts;
}

void Agreement::require_same(const std::string& what, const std::string& text) {
  const auto texts = of_all(text);
  for (std::size_t rank = 1; rank < texts.size(); ++rank)
    if (texts[rank] != texts[0])
      throw Error(fmt::format("{} has another {} than {}", ranks_.name(static_cast<int>(rank)), what,
                              ranks_.name(0)));
}

std::string Agreement::of_first(const std::string& text) { return of_all(ranks_.first() ? text : "")[0]; }

}  // namespace twinflow
