#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace twinflow::twin {

/// While one lives, the buffers of its thread take no memory: they only note how large they would be. So what
/// a network needs is counted by planning one, before any of it is taken.
class CountOnly {
 public:
  CountOnly() : outer_(std::exchange(current, this)) {}
  ~CountOnly() { current = outer_; }
  CountOnly(const CountOnly&) = delete;
  CountOnly& operator=(const CountOnly&) = delete;

  static inline thread_local CountOnly* current = nullptr;
  std::size_t scratchpad = 0;  // the largest that a kernel made meanwhile asks for, in bytes

 private:
  CountOnly* outer_;
};

/// Aligned memory that keeps no contents when it grows. Large ones ask for huge pages: oneDNN strides through
/// them.
class Buffer {
 public:
  /// Makes room for that many bytes. Contents and addresses are lost when it has to grow. Throws
  /// std::bad_alloc, and is empty then.
  void need(std::size_t bytes) {
    if (bytes <= size_) return;
    constexpr std::size_t page = std::size_t{2} << 20;
    const std::size_t align = bytes >= page ? page : 64, size = (bytes + align - 1) / align * align;
    data_.reset();
    size_ = 0;
    if (size < bytes) throw std::bad_alloc();
    if (!CountOnly::current) {
      data_.reset(static_cast<std::byte*>(std::aligned_alloc(align, size)));
      if (!data_) throw std::bad_alloc();
      if (align == page) madvise(data_.get(), size, MADV_HUGEPAGE);
    }
    size_ = size;
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
