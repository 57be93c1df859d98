#include "shares.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

#include "engine.h"
#include "loops.h"
#include "twinflow/error.h"

namespace twinflow::twin {
namespace {

void add_to(std::span<float> sum, const std::vector<float>& first) {
  parallel_ranges(sum.size(), 16384, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) sum[i] = first[i] + sum[i];
  });
}

/// Adds the time of its life.
class Waiting {
 public:
  explicit Waiting(double& seconds) : seconds_(seconds) {}
  ~Waiting() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_).count(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  double& seconds_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace

Shares::Shares(std::size_t count, Ranks* ranks, bool batch_per_rank)
    : ranks_(ranks), batch_per_rank_(batch_per_rank && ranks) {
  const std::size_t size = ranks ? static_cast<std::size_t>(ranks->size()) : 1;
  count_ = count > 0 ? count : size;
  if (batch_per_rank_ && count_ != size)
    throw Error(fmt::format(
        "shares = {}, but with batch_per_rank each of {} ranks has a batch that is not shared: leave it 0",
        count, size));
  own_ = count_ / size;
  if (own_ * size != count_ || !std::has_single_bit(own_))
    throw Error(fmt::format(
        "{} shares of a batch cannot be divided among {} ranks: each takes 1, 2, 4 or another power of two",
        count_, size));
  first_ = own_ * static_cast<std::size_t>(ranks ? ranks->rank() : 0);
  waiting_.resize(static_cast<std::size_t>(std::countr_zero(own_)));
  if (!ranks) return;
  embeddings_channel_ = ranks->channel();
  gradients_channel_ = ranks->channel(true);
  require_same_processors();
}

/// Weights lie as suits the processor, and its instructions round in their own way.
void Shares::require_same_processors() {
  const auto all = ranks_->values(embeddings_channel_, static_cast<int>(dnnl::get_effective_cpu_isa()),
                                  "comparing processors");
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw Error(
          fmt::format("{} and {} have processors with different instructions: take machines of one "
                      "kind, or set ONEDNN_MAX_CPU_ISA (to AVX2, say) on all of them",
                      ranks_->name(0), ranks_->name(static_cast<int>(rank))));
}

std::vector<std::size_t> Shares::own(std::size_t images) const {
  if (batch_per_rank_) return {0, images};
  if (images < count_)
    throw Error(fmt::format("a batch of {} images cannot be cut into {} shares", images, count_));
  std::vector<std::size_t> firsts;
  for (std::size_t i = 0; i <= own_; ++i) firsts.push_back(first_image(first_ + i, images));
  return firsts;
}

void Shares::note(const std::vector<std::span<float>>& noted) {
  for (const std::span<float> one : noted) {
    noted_.insert(noted_.end(), one.begin(), one.end());
    std::fill(one.begin(), one.end(), 0.0f);
  }
}

void Shares::exchange(Embeddings& embeddings, const std::vector<std::span<float>>& noted) {
  const std::size_t length = noted_.size() / own_;  // of a share's
  std::vector<float> all(length * count_);
  std::copy(noted_.begin(), noted_.end(), all.begin() + static_cast<std::ptrdiff_t>(first_ * length));
  if (ranks_) {
    std::vector<std::span<std::byte>> rows, sums;
    for (int rank = 0; rank < ranks_->size(); ++rank) {
      const std::size_t share = own_ * static_cast<std::size_t>(rank),
                        begin = first_image(share, embeddings.count),
                        end = first_image(share + own_, embeddings.count);
      rows.push_back(
          std::as_writable_bytes(std::span(embeddings.row(begin), (end - begin) * embeddings.size)));
      sums.push_back(std::as_writable_bytes(std::span(all).subspan(share * length, own_ * length)));
    }
    const auto mine = static_cast<std::size_t>(ranks_->rank());
    const Waiting waiting(waited_);
    std::future<void> embedded;
    if (!batch_per_rank_)
      embedded = ranks_->gather(embeddings_channel_, rows[mine], rows, "the batch's embeddings");
    if (length > 0) ranks_->gather(embeddings_channel_, sums[mine], sums, "the batch's statistics").get();
    if (embedded.valid()) embedded.get();
  }
  noted_.clear();
  std::vector<float*> arrays;
  for (std::size_t share = 0; share < count_; ++share) arrays.push_back(all.data() + share * length);
  sum_in_pairs(arrays, length);
  const float* from = all.data();
  for (const std::span<float> one : noted) {
    std::copy_n(from, one.size(), one.begin());
    from += one.size();
  }
}

void Shares::mean(Figures& figures) {
  if (!batch_per_rank_) return;
  const Waiting waiting(waited_);
  const auto all = ranks_->values(embeddings_channel_, figures, "the batches' figures");
  for (std::size_t i = 0; i < figures.size(); ++i) {
    figures[i] = 0.0;
    for (const Figures& one : all) figures[i] += one[i];
    figures[i] /= static_cast<double>(count_);
  }
}

void Shares::add(std::size_t i, std::vector<std::span<float>> gradients) {
  std::size_t level = 0;
  for (; (i >> level) & 1; ++level)
    for (const std::span<float> one : gradients) add_to(one, waiting_[level].at(one.data()));
  if (i + 1 < own_) {
    for (const std::span<float> one : gradients) waiting_[level][one.data()].assign(one.begin(), one.end());
  } else if (ranks_) {
    under_way_.push_back(ranks_->sum(gradients_channel_, std::move(gradients), "the sum of the gradients"));
  }
}

void Shares::wait() {
  const Waiting waiting(waited_);
  for (std::future<void>& one : under_way_) one.get();
  under_way_.clear();
}

void Shares::require_same(const Digests& digests) {
  if (!ranks_) return;
  const auto all = ranks_->values(embeddings_channel_, digests, "comparing what has been learned");
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    for (const auto& [what, digest] : {std::pair("weights", &Digests::weights),
                                       {"distance weights", &Digests::distance},
                                       {"proxies", &Digests::proxies},
                                       {"optimizer memory", &Digests::optimizer},
                                       {"averaged weights", &Digests::average},
                                       {"counts of updates", &Digests::counters}})
      if (all[rank].*digest != all[0].*digest)
        throw Error(fmt::format("{} has other {} than {}: they have gone apart",
                                ranks_->name(static_cast<int>(rank)), what, ranks_->name(0)));
}

double Shares::waited() { return std::exchange(waited_, 0.0); }

}  // namespace twinflow::twin
