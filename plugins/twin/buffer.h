#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace twinflow::twin {

/// Aligned memory that keeps no contents when it grows. Large ones ask for huge pages: oneDNN strides through
/// them.
class Buffer {
 public:
  /// Makes room for that many bytes. Contents and addresses are lost when it has to grow.
  void need(std::size_t bytes) {
    if (bytes <= size_) return;
    constexpr std::size_t page = std::size_t{2} << 20;
    const std::size_t align = bytes >= page ? page : 64;
    data_.reset();
    size_ = (bytes + align - 1) / align * align;
    data_.reset(static_cast<std::byte*>(std::aligned_alloc(align, size_)));
    if (!data_) throw std::bad_alloc();
    if (align == page) madvise(data_.get(), size_, MADV_HUGEPAGE);
  }
  std::byte* data() const { return data_.get(); }
  float* floats() const { return reinterpret_cast<float*>(data_.get()); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* data) const { std::free(data); }
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace twinflow::twin
