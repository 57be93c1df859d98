// The kill test made long, to be run by hand: a small real training is killed with SIGKILL again and again,
// at random moments and in the middle of writing its files, resumed each time with another number of threads,
// and what it leaves is compared with an uninterrupted run, bit for bit.
//   kill [--kills 200] [--seed 1]
// Prints how many kills came when, and the verdict; exits 1 when anything differs.
#include <cstring>

#include "apps/kill_chain.h"

int main(int argc, char** argv) {
  std::size_t wanted = 200;
  std::uint64_t seed = 1;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--kills") == 0) wanted = std::stoul(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::stoul(argv[i + 1]);
  }
  const TempFolder temp;
  temp.write("graph.toml", kill_chain::graph(5 * wanted, 31));
  const auto start = std::chrono::steady_clock::now();
  const Finished whole = flowrun(temp, {"graph.toml", "--output", "whole", "--threads", "2"});
  if (whole.exit_code != 0) return fmt::print("{}", whole.errors), 1;
  kill_chain::Kills kills;
  const std::string problem =
      kill_chain::kill_again_and_again(temp, "killed", wanted, seed, kills, [](const auto& so_far) {
        if (so_far.all() % 20 == 0) fmt::print("{}\n", so_far.text()), std::fflush(stdout);
      });
  if (!problem.empty()) return fmt::print("the run that was killed ended with {}\n", problem), 1;
  const std::vector<std::string> different =
      kill_chain::differences(temp.path / "whole", temp.path / "killed");
  for (const std::string& one : different) fmt::print("differs: {}\n", one);
  fmt::print("{}, over {} epochs, in {:.0f} s: {}\n", kills.text(), 5 * wanted,
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
             different.empty() ? "not a bit differs from the uninterrupted run" : "NOT the same");
  return different.empty() ? 0 : 1;
}
