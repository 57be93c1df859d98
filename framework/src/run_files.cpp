#include "run_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <climits>
#include <utility>

#include "plugin_code.h"
#include "run_directory.h"
#include "saved_run.h"

namespace twinflow {

namespace {

constexpr std::size_t longest_name = NAME_MAX - 4;  // what is written on the way has .tmp or so behind it
constexpr std::size_t longest_number = 20;          // that a * may stand for

struct Claim {
  std::string name, pattern;                 // as it is written; in small letters
  const Plan::PlannedNode* owner = nullptr;  // nullptr: the run
};

std::string in_small_letters(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char one) { return std::tolower(one); });
  return text;
}

std::string words_for(const Claim& claim) {
  return claim.owner ? fmt::format("node '{}' ({})", claim.owner->name, claim.owner->info->type)
                     : "the run itself";
}

/// Why no file of the run directory can have such a name; empty: one can.
std::string fault_of(const std::string& name) {
  const auto stars = static_cast<std::size_t>(std::count(name.begin(), name.end(), '*'));
  if (name.empty() || name == "." || name == "..") return "is not the name of a file";
  if (name.find('/') != name.npos) return "leads out of the run directory: a name is needed, not a path";
  if (name.find('\0') != name.npos) return "is not the name of a file";
  if (name.size() + stars * longest_number > longest_name)
    return fmt::format("is too long for a file: {} bytes are the most", longest_name);
  return "";
}

}  // namespace

bool patterns_meet(std::string_view one, std::string_view other) {
  const auto literal = [](std::string_view pattern) { return std::min(pattern.find('*'), pattern.size()); };
  const std::size_t same = std::min(literal(one), literal(other));
  if (one.substr(0, same) != other.substr(0, same)) return false;
  // meet[j]: whether the rest of `one` and the rest of `other` from j on meet; from the ends on.
  std::vector<char> meet(other.size() + 1), next(other.size() + 1);
  for (std::size_t i = one.size() + 1; i-- > 0; std::swap(meet, next))
    for (std::size_t j = other.size() + 1; j-- > 0;) {
      const bool star = i < one.size() && one[i] == '*', other_star = j < other.size() && other[j] == '*';
      if (i == one.size() && j == other.size())
        meet[j] = 1;
      else if (star || other_star)  // it stands for nothing, or takes what comes in the other pattern
        meet[j] = (star ? next[j] : meet[j + 1]) ||
                  (star ? j < other.size() && meet[j + 1] : i < one.size() && next[j]);
      else
        meet[j] = i < one.size() && j < other.size() && one[i] == other[j] && next[j + 1];
    }
  return next[0];
}

namespace {

std::vector<Claim> claims_of_run() {
  std::vector<Claim> claims;
  for (const char* name : {"graph.toml", "metrics.jsonl", "log.txt", "result.json", state_name,
                           previous_state_name, next_state_name, RunLock::file_name, "*.tmp", "*.part"})
    claims.push_back({name, name, nullptr});
  return claims;
}

std::vector<Claim> claims_of(const Plan::PlannedNode& node) {
  std::vector<Claim> claims;
  if (node.sound && node.info->writes)
    for (const std::string& name : node.info->writes(*node.node, node.name))
      claims.push_back({name, in_small_letters(name), &node});
  return claims;
}

const Claim* meeting(const std::vector<Claim>& claims, const std::string& pattern) {
  for (const Claim& one : claims)
    if (patterns_meet(one.pattern, pattern)) return &one;
  return nullptr;
}

}  // namespace

void check_run_files(const Plan& plan, Problems& problems) {
  std::vector<Claim> claims = claims_of_run();
  for (const Plan::PlannedNode& node : plan.nodes) {
    std::vector<Claim> of_node;
    if (node.sound)
      check_code(node.name, *node.info, node.place, problems, [&] { of_node = claims_of(node); });
    for (Claim& claim : of_node) {
      if (const std::string fault = fault_of(claim.name); !fault.empty()) {
        problems.error(node.place,
                       fmt::format("{} would write '{}', which {}", words_for(claim), claim.name, fault));
        continue;
      }
      if (const Claim* other = meeting(claims, claim.pattern))
        problems.error(
            node.place,
            fmt::format("{} would write '{}' in the run directory, which {} writes{}: give the node "
                        "another name, or another file",
                        words_for(claim), claim.name, other->owner == &node ? "it also" : words_for(*other),
                        other->name == claim.name ? "" : fmt::format(" as '{}'", other->name)));
      claims.push_back(std::move(claim));
    }
  }
}

std::string writer_of(const Plan& plan, const std::string& name) {
  std::vector<Claim> claims = claims_of_run();
  for (const Plan::PlannedNode& node : plan.nodes)
    for (Claim& claim : claims_of(node)) claims.push_back(std::move(claim));
  const Claim* found = meeting(claims, in_small_letters(name));
  return found ? words_for(*found) : "";
}

}  // namespace twinflow
