#include "twinflow/testing.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph_file.h"
#include "plugins.h"
#include "registry.h"
#include "twinflow/folder.h"

namespace twinflow::testing {

namespace {

const NodeInfo& found(const std::string& type) {
  PluginIndex::instance();
  if (const NodeInfo* info = Registry::instance().find_node(type)) return *info;
  throw Error(Registry::instance().unknown_type(Node::family, type));
}

bool is_one_of(const Parcel& parcel, const std::vector<PortType>& types) {
  return std::any_of(types.begin(), types.end(),
                     [&](const PortType& one) { return parcel.value && one.type == parcel.type; });
}

}  // namespace

class Bench::BenchRun final : public Run {
 public:
  explicit BenchRun(Bench& bench, std::uint64_t seed) : bench_(bench), seed_(seed) {}
  std::uint64_t seed() const override { return seed_; }
  std::uint64_t epochs() const override { return bench_.epochs; }
  std::uint64_t steps_per_epoch() const override { return bench_.steps_per_epoch; }
  int threads() const override { return bench_.threads; }
  const std::filesystem::path& directory() const override { return bench_.directory; }
  Folder folder() const override { return Folder(bench_.directory); }
  const std::map<std::string, std::string>& about() const override { return bench_.about; }
  std::vector<std::string> metrics() const override { return bench_.metrics; }
  std::shared_future<bool> later(std::string what, std::function<void()> write, Retry) override {
    std::promise<bool> done;
    try {
      write();
      done.set_value(true);
    } catch (const std::exception& error) {
      say(fmt::format("{}: {}", what, error.what()));
      done.set_value(false);
    }
    return done.get_future().share();
  }
  void report(std::string_view, const Item& item, const Numbers& values) override {
    bench_.reported.emplace_back(item, values);
  }
  void say(const std::string& line) override { bench_.said.push_back(line); }
  void stop(std::string reason) override {
    if (bench_.stopped.empty()) bench_.stopped = std::move(reason);
  }

 private:
  Bench& bench_;
  std::uint64_t seed_;
};

Bench::Bench(const std::string& type, const std::string& toml, std::uint64_t seed, std::vector<FedInput> fed,
             Better watched)
    : info_(&found(type)), fed_(std::move(fed)), run_(std::make_unique<BenchRun>(*this, seed)) {
  node_ = std::static_pointer_cast<Node>(info_->make());
  Problems problems;
  const Value table = parse_toml(toml, "bench.toml", "", problems);
  bind_parameters(*info_, node_.get(), table, table.place, {}, problems);
  if (info_->watch) info_->watch(*node_, std::vector<Better>(info_->watched(*node_).size(), watched));
  if (problems.empty() && info_->check)
    info_->check(node_.get(), Checking(table, table.place, problems, fed_));
  if (!problems.empty()) throw Error(problems.str());
  for (const auto* names : {&info_->publishes, &info_->reads})
    for (const BoardInfo& one : *names) one.connect(*node_, board[one.name]);
  for (const OutputInfo& output : info_->outputs)
    if (output.connect)
      output.connect(*node_, [this, name = output.name](Parcel parcel, const Item&) {
        emitted.emplace_back(name, std::move(parcel));
      });
}

Bench::~Bench() = default;

std::optional<ImageShape> Bench::image_shape() const { return leaving_shape(*info_, *node_, fed_); }

const NodeInfo& Bench::info() const { return *info_; }
Node& Bench::node() { return *node_; }

void Bench::bind(const std::string& input, const Parcel& parcel) {
  for (const InputInfo& port : info_->inputs)
    if (port.name == input && port.bind) return check_type(port, parcel), port.bind(*node_, parcel);
  throw Error(info_->type + " has no constant input '" + input + "'");
}

void Bench::pass_through(const std::string& input, Bench& map) {
  for (const InputInfo& port : info_->inputs) {
    if (port.name != input || !port.bind_passage) continue;
    map.start(NodeInfo::Shape::map);
    Passage& passage = passages_[input];
    passage.add({map.name, map.info_, map.node_});
    return port.bind_passage(*node_, passage);
  }
  throw Error(info_->type + " has no input '" + input + "' for maps to send images through");
}

Parcel Bench::make_constant(const std::string& output) {
  open();
  for (const OutputInfo& port : info_->outputs)
    if (port.name == output && port.constant) return port.constant(*node_);
  throw Error(info_->type + " has no constant output '" + output + "'");
}

void Bench::open() {
  if (opened_) return;
  opened_ = true;
  NodeAccess::attach(*node_, name, *run_);
  node_->open();
}

void Bench::start(NodeInfo::Shape shape) {
  if (info_->shape != shape)
    throw Error(fmt::format("{} is not a {}", info_->type,
                            shape == NodeInfo::Shape::source ? "source"
                            : shape == NodeInfo::Shape::map  ? "map"
                                                             : "stateful node or sink"));
  open();
}

void Bench::check_type(const InputInfo& port, const Parcel& parcel) const {
  if (!is_one_of(parcel, port.types))
    throw Error(fmt::format("the input '{}' of {} takes {}, and was given {}", port.name, info_->type,
                            type_list(port.types), parcel.value ? "another type" : "nothing"));
}

void Bench::check_fed(const std::vector<Parcel>& parcels) const {
  std::vector<const InputInfo*> ports;
  for (const InputInfo& port : info_->inputs)
    if (port.streamed()) ports.push_back(&port);
  if (ports.size() != parcels.size())
    throw Error(fmt::format("{} has {} stream input{}, and was given {}", info_->type, ports.size(),
                            ports.size() == 1 ? "" : "s", parcels.size()));
  for (std::size_t i = 0; i < ports.size(); ++i)
    if (parcels[i].value || !ports[i]->optional) check_type(*ports[i], parcels[i]);
}

void Bench::check_taken(const Parcel& parcel, const std::vector<PortType>& wanted) {
  if (!is_one_of(parcel, wanted))
    throw Error(fmt::format("the node gave out another type than {}", type_list(wanted)));
}

void Bench::close() { node_->close(); }

}  // namespace twinflow::testing
