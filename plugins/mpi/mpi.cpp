#define OMPI_SKIP_MPICXX 1  // the C++ bindings of old, of no use here
#define MPICH_SKIP_MPICXX 1
#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "twinflow/communicator.h"
#include "twinflow/doctor.h"
#include "twinflow/error.h"
#include "twinflow/plugin.h"

namespace twinflow::mpi {
namespace {

void require(int code, std::string_view call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw Error(fmt::format("{}: {}", call, std::string_view(text, static_cast<std::size_t>(length))));
}

/// A message that comes could be neither completed nor taken back, and its memory is somebody else's by now:
/// as MPI moves messages within its calls, none of them may follow but MPI_Abort. Only of the thread that
/// uses MPI.
bool stuck = false;

class MpiExchange final : public Communicator::Exchange {
 public:
  MpiExchange(std::span<const Communicator::Outgoing> out, std::span<const Communicator::Incoming> in,
              int channel)
      : MpiExchange() {  // so that what was started is taken back when a later start fails
    for (const auto& one : in)
      each_piece(one.bytes.size(), [&](std::size_t at, int count) {
        require(MPI_Irecv(one.bytes.data() + at, count, MPI_BYTE, one.from, channel, MPI_COMM_WORLD,
                          add(one.from)),
                "MPI_Irecv");
        ++writing_;
      });
    for (const auto& one : out)
      each_piece(one.bytes.size(), [&](std::size_t at, int count) {
        require(
            MPI_Isend(one.bytes.data() + at, count, MPI_BYTE, one.to, channel, MPI_COMM_WORLD, add(one.to)),
            "MPI_Isend");
      });
  }

  /// A sum. Its ranks do not tell which of them it waits for: -1.
  MpiExchange(std::span<float> numbers, MPI_Comm sums) : MpiExchange() {
    constexpr std::size_t most = std::size_t{1} << 20;
    for (std::size_t at = 0; at < numbers.size(); at += most, ++writing_)
      require(MPI_Iallreduce(MPI_IN_PLACE, numbers.data() + at,
                             static_cast<int>(std::min(most, numbers.size() - at)), MPI_FLOAT, MPI_SUM, sums,
                             add(-1)),
              "MPI_Iallreduce");
  }

  ~MpiExchange() override {
    if (left_ == 0 || stuck) return;
    for (std::size_t i = writing_; i < requests_.size(); ++i)  // sends: cannot be taken back, and only read
      if (requests_[i] != MPI_REQUEST_NULL) MPI_Request_free(&requests_[i]);
    for (std::size_t i = 0; i < writing_; ++i)
      if (requests_[i] != MPI_REQUEST_NULL && peers_[i] >= 0) MPI_Cancel(&requests_[i]);  // sums cannot be
    using Clock = std::chrono::steady_clock;
    for (const auto until = Clock::now() + std::chrono::seconds(5); Clock::now() < until;
         std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
      int done = 0;
      if (MPI_Testall(static_cast<int>(writing_), requests_.data(), &done, MPI_STATUSES_IGNORE) !=
          MPI_SUCCESS)
        break;
      if (done) return;
    }
    stuck = true;
  }
  MpiExchange(const MpiExchange&) = delete;
  MpiExchange& operator=(const MpiExchange&) = delete;

  bool done() override {
    if (left_ == 0) return true;
    int count = 0;
    done_.resize(requests_.size());
    require(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &count, done_.data(),
                         MPI_STATUSES_IGNORE),
            "MPI_Testsome");
    if (count != MPI_UNDEFINED) left_ -= static_cast<std::size_t>(count);
    return left_ == 0;
  }
  std::size_t left() const override { return left_; }

  std::vector<int> missing() const override {
    std::vector<int> ranks;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      int done = 0;
      if (requests_[i] != MPI_REQUEST_NULL)
        MPI_Request_get_status(requests_[i], &done, MPI_STATUS_IGNORE);
      else
        done = 1;
      if (!done) ranks.push_back(peers_[i]);
    }
    std::sort(ranks.begin(), ranks.end());
    ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
    return ranks;
  }

 private:
  MpiExchange() = default;
  /// So that left() tells of what moves. Both ends cut alike; what is empty is not sent.
  template <class Each>
  static void each_piece(std::size_t bytes, const Each& each) {
    constexpr std::size_t most = std::size_t{1} << 20;
    for (std::size_t at = 0; at < bytes; at += most) each(at, static_cast<int>(std::min(most, bytes - at)));
  }
  MPI_Request* add(int peer) {
    peers_.push_back(peer);
    ++left_;
    return &requests_.emplace_back(MPI_REQUEST_NULL);
  }

  std::vector<MPI_Request> requests_;
  std::vector<int> peers_, done_;
  std::size_t left_ = 0, writing_ = 0;  // of requests_: not done yet; the first ones write to memory
};

class MpiCommunicator final : public Communicator {
 public:
  MpiCommunicator() {
    // Open MPI's other protocol for large messages over TCP has half the speed both ways at once. Whoever has
    // set it keeps that.
    setenv("OMPI_MCA_btl_tcp_flags", "send", 0);
    int given = 0;
    require(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given), "MPI_Init_thread");
    if (given < MPI_THREAD_FUNNELED) throw Error("this MPI knows no threads (MPI_THREAD_FUNNELED)");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    require(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
    require(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
    require(MPI_Comm_dup(MPI_COMM_WORLD, &sums_), "MPI_Comm_dup");
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<Exchange> start(std::span<const Outgoing> out, std::span<const Incoming> in,
                                  int channel) override {
    require_moving();
    return std::make_unique<MpiExchange>(out, in, channel);
  }
  std::unique_ptr<Exchange> start_sum(std::span<float> numbers, std::uint64_t& sent) override {
    // What the algorithms for large ones send, as MPI does not tell.
    const auto size = static_cast<std::uint64_t>(size_);
    sent += 2 * (size - 1) * numbers.size_bytes() / size;
    require_moving();
    return std::make_unique<MpiExchange>(numbers, sums_);
  }
  void leave() override {
    MPI_Comm_free(&sums_);
    MPI_Finalize();
  }
  void abort() noexcept override { MPI_Abort(MPI_COMM_WORLD, 1); }

 private:
  static void require_moving() {
    if (stuck) throw Error("messages of an operation that has failed are still under way");
  }

  int rank_ = 0, size_ = 1;
  MPI_Comm sums_ = MPI_COMM_NULL;
};

/// Open MPI or MPICH, whichever it was built with.
class Mpi final : public Connection {
 public:
  static void describe(Spec<Mpi>& spec) {
    spec.summary("Processes that mpirun or srun has started, connected by MPI.");
    spec.example(R"([run]
epochs = 3
steps_per_epoch = 10
distributed = "mpi")");
    spec.param("timeout", &Mpi::timeout)
        .doc(
            "how long a rank may take to answer before the job is ended: more than it ever needs by itself, "
            "to read its data or, for the first one, to run nodes that only it has")
        .unit("seconds")
        .range(0.1, 1e6);
    spec.param("reduce", &Mpi::reduce)
        .names({{"ordered", Reduce::ordered}, {"fast", Reduce::fast}})
        .doc(
            "how gradients are added. ordered: always in the same order, so that the bits do not depend "
            "on the number of ranks; fast: by MPI's own all-reduce, in an order that may be another for "
            "another number of ranks, or on other machines");
    spec.param("bf16", &Mpi::bf16)
        .doc(
            "send gradients as bf16, half the bytes, for a slow network: they are still added in f32, "
            "but the bits then depend on the number of ranks");
    spec.check(&Mpi::check);
  }
  void check(const Checking& checking) const {
    if (bf16 && reduce == Reduce::fast)
      checking.error("bf16",
                     "MPI's own all-reduce does not know bf16: bf16 = true needs reduce = \"ordered\"");
  }
  std::unique_ptr<Communicator> connect() const override { return std::make_unique<MpiCommunicator>(); }
};

/// "Open MPI v4.1.4" or "MPICH Version: 4.0.2", of the library's longer sentence.
const bool examined = register_doctor([](Diagnosis& diagnosis) {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  std::replace(text, text + length, '\t', ' ');
  const std::string_view version(text, static_cast<std::size_t>(length));
  diagnosis.facts.emplace_back("MPI", version.substr(0, version.find_first_of(",\n")));
});

}  // namespace

TWINFLOW_COMPONENT("communicator", "mpi", Mpi)

}  // namespace twinflow::mpi
