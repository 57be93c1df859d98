#include "memory_ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "registry.h"
#include "twinflow/error.h"
#include "twinflow/node.h"

namespace twinflow {

namespace {

/// Libraries, oneDNN's code, small allocations; and what each thread has of its own: measured.
constexpr double program_bytes = 40e6, thread_bytes = 8e6;

std::string gb(double bytes) { return fmt::format("{:.{}f} GB", bytes * 1e-9, bytes < 1e8 ? 3 : 2); }

/// What flows out of a node.
struct Flow {
  std::optional<ImageShape> images;
  std::size_t batch = 0;
  ModelSize model;
};

}  // namespace

CountsMemory::~CountsMemory() = default;
MemoryKeeper::~MemoryKeeper() = default;

void will_hold(Run& run, std::string_view node, MemoryPiece piece) {
  if (auto* const keeper = dynamic_cast<MemoryKeeper*>(&run)) keeper->will_hold(node, std::move(piece));
}

void MemoryLedger::ask(const Plan& plan, const std::map<std::size_t, ImageShape>& shapes, const Call& call) {
  asked_ = {{"",
             {"the program and its threads", program_bytes + thread_bytes * conditions_.threads,
              "fewer threads (--threads)"}}};
  std::vector<Flow> flows;
  double largest_batch = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const Plan::PlannedNode& node = plan.nodes[i];
    std::vector<FedInput> fed;
    MemoryNeed need;
    need.threads = conditions_.threads;
    need.shared = conditions_.shared;
    need.left = memory_.left;
    for (const auto& [input, link] : node.inputs) {
      const Flow& from = flows[link.node];
      fed.push_back({node.info->inputs[input].name,
                     plan.nodes[link.node].output_types[link.output].type,
                     from.images,
                     {}});
      if (!node.info->inputs[input].streamed()) continue;
      need.batch = std::max(need.batch, from.batch);
      if (from.model.bytes > need.model.bytes) need.model = from.model;
    }
    const auto opened = shapes.find(i);
    const std::optional<ImageShape> leaving =
        opened != shapes.end() ? opened->second : leaving_shape(*node.info, *node.node, fed);
    need.images = entering_shape(*node.info, fed);
    need.gives_batch = need.batch;
    need.gives_model = need.model;
    if (auto* const counts = dynamic_cast<CountsMemory*>(node.node.get());
        counts && !call(i, [&] { counts->count_memory(need); }))
      return;
    if (!node.info->first_rank_only || conditions_.first)
      for (MemoryPiece& piece : need.pieces) asked_.push_back({node.name, std::move(piece)});
    flows.push_back({leaving, need.gives_batch, need.gives_model});
    if (leaving)
      largest_batch = std::max(largest_batch, static_cast<double>(need.gives_batch) *
                                                  static_cast<double>(leaving->size()) * sizeof(float));
  }
  // A node that changes images may hold those before and after.
  asked_.push_back({"",
                    {"batches in flight", largest_batch * (conditions_.in_flight + conditions_.threads),
                     "fewer batches in flight (--max-in-flight)"}});
  require();
}

void MemoryLedger::hold(std::string_view node, MemoryPiece piece) {
  told_.push_back({std::string(node), std::move(piece)});
  require();
}

double MemoryLedger::sum() const {
  double sum = 0;
  for (const auto* entries : {&asked_, &told_})
    for (const Entry& one : *entries) sum += one.piece.bytes;
  return sum;
}

std::string MemoryLedger::slowed() const {
  if (sum() <= memory_.unthrottled) return "";
  return fmt::format("the run needs about {} of memory, but {}", gb(sum()), memory_.throttle);
}

void MemoryLedger::require() const {
  if (sum() > memory_.left) throw Error(text());
}

/// The pieces by size, and what makes the large ones smaller.
std::string MemoryLedger::text() const {
  std::vector<const Entry*> all;
  for (const auto* entries : {&asked_, &told_})
    for (const Entry& one : *entries) all.push_back(&one);
  std::stable_sort(all.begin(), all.end(),
                   [](const Entry* a, const Entry* b) { return a->piece.bytes > b->piece.bytes; });
  std::string pieces, advice;
  std::set<std::string> advised;
  double rest = 0;
  for (const Entry* one : all) {
    const MemoryPiece& piece = one->piece;
    if (piece.bytes < 0.01 * sum()) {
      rest += piece.bytes;
      continue;
    }
    pieces += fmt::format("{}{} for {}{}", pieces.empty() ? "" : ", ", gb(piece.bytes), piece.what,
                          one->node.empty() ? "" : " ('" + one->node + "')");
    if (piece.advice.empty() || piece.bytes < 0.05 * sum() || !advised.insert(piece.advice).second) continue;
    advice += (advice.empty() ? "" : ", ") + piece.advice;
  }
  if (rest > 0) pieces += fmt::format(", {} for the rest", gb(rest));
  return fmt::format("the run needs about {} of memory, but {} are left ({}): {}{}", gb(sum()),
                     gb(memory_.left), memory_.limit, pieces,
                     advice.empty() ? "" : "; it needs less with " + advice);
}

}  // namespace twinflow
