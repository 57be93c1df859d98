#include "agreement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <span>
#include <sstream>

#include "twinflow/error.h"

namespace twinflow {

void Agreement::start(std::uint64_t step) {
  step_ = step;
  at_ = Clock::now();
}

const Agreement::Wish& Agreement::meet(const Wish& mine, std::uint64_t step) {
  struct Word {
    std::uint64_t step, seconds;  // the bits of a double
    std::int32_t signal;
    std::uint16_t time_over, pause;
  };
  double pace = seconds_;  // as before, where no item was worked on since
  if (step > step_)
    pace = std::chrono::duration<double>(Clock::now() - at_).count() / static_cast<double>(step - step_);
  const Word word{step, std::bit_cast<std::uint64_t>(pace), mine.signal, mine.time_over, mine.pause};
  const auto words = ranks_.values(channel_, word, fmt::format("settling how to go on at step {}", step));
  settled_ = {};
  seconds_ = 0.0;
  for (std::size_t rank = 0; rank < words.size(); ++rank) {
    const Word& one = words[rank];
    settled_.signal = std::max(settled_.signal, one.signal);
    settled_.time_over |= one.time_over != 0;
    settled_.pause |= one.pause != 0;
    seconds_ = std::max(seconds_, std::bit_cast<double>(one.seconds));
    if (one.step != step)
      throw Error(fmt::format("{} is at step {}, {} at step {}", ranks_.name(ranks_.rank()), step,
                              ranks_.name(static_cast<int>(rank)), one.step));
  }
  start(step);
  return settled_;
}

std::uint64_t Agreement::items_until_next() const {
  constexpr double seconds = 2.0;
  return seconds_ > 0.0 ? static_cast<std::uint64_t>(std::clamp(seconds / seconds_, 1.0, 1e6)) : 1;
}

std::vector<std::string> Agreement::of_all(const std::string& text) {
  std::vector<std::string> texts;
  for (const std::uint64_t length : ranks_.values(channel_, std::uint64_t{text.size()}, "comparing runs"))
    texts.emplace_back(length, '\0');
  std::vector<std::span<std::byte>> room;
  for (std::string& one : texts) room.push_back(std::as_writable_bytes(std::span(one)));
  ranks_.gather(channel_, std::as_bytes(std::span(text)), room, "comparing runs").get();
  return texts;
}

void Agreement::require_same(const std::string& what, const std::string& text) {
  const auto texts = of_all(text);
  const auto is_line = [](const std::string& one) { return one.find('\n') == std::string::npos; };
  for (std::size_t rank = 1; rank < texts.size(); ++rank)
    if (texts[rank] != texts[0])
      throw Error(fmt::format(
          "{} has another {} than {}{}", ranks_.name(static_cast<int>(rank)), what, ranks_.name(0),
          is_line(texts[rank]) && is_line(texts[0]) ? fmt::format(": {}, not {}", texts[rank], texts[0])
                                                    : ""));
}

std::string Agreement::of_first(const std::string& text) { return of_all(ranks_.first() ? text : "")[0]; }

std::vector<std::string> Agreement::of_first(const std::vector<std::string>& lines) {
  std::istringstream text(of_first(fmt::format("{}", fmt::join(lines, "\n"))));
  std::vector<std::string> all;
  for (std::string line; std::getline(text, line);) all.push_back(line);
  return all;
}

}  // namespace twinflow
