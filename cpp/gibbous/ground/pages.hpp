// SPDX-License-Identifier: Apache-2.0
// Large arrays for random access, on huge pages if the system has them: the saved TLB misses are
// worth a quarter of the speed of a sweep over 100 million tokens.
#pragma once
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "gibbous/ground/types.hpp"

namespace gibbous {

// n uninitialized numbers. The system zeroes the pages of large arrays, which are first touched by
// the threads that use them.
template <class T>
class PageBuffer {
 public:
  PageBuffer() = default;
  explicit PageBuffer(Index n) : size_(n) {
    constexpr std::size_t page = std::size_t{1} << 21;
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(T);
    const std::size_t align = bytes >= page ? page : 64;
    const std::size_t whole = (bytes + align - 1) / align * align;
    data_.reset(static_cast<T*>(std::aligned_alloc(align, whole ? whole : align)));
    if (!data_) throw std::bad_alloc();
#if defined(__linux__)
    if (align == page) madvise(data_.get(), whole, MADV_HUGEPAGE);  // only a hint; may be refused
#endif
  }

  // A view of memory owned by another object that outlives it.
  static PageBuffer borrowed(T* data, Index n) {
    PageBuffer buffer;
    buffer.data_ = std::unique_ptr<T[], Free>(data, Free{false});
    buffer.size_ = n;
    return buffer;
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T& operator[](Index i) { return data_[static_cast<std::size_t>(i)]; }
  const T& operator[](Index i) const { return data_[static_cast<std::size_t>(i)]; }
  Index size() const { return size_; }
  Index bytes() const { return size_ * static_cast<Index>(sizeof(T)); }

 private:
  struct Free {
    bool own = true;
    void operator()(T* p) const {
      if (own) std::free(p);
    }
  };
  std::unique_ptr<T[], Free> data_;
  Index size_ = 0;
};

}  // namespace gibbous
