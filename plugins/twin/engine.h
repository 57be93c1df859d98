#pragma once

#include <algorithm>
#include <dnnl.hpp>
#include <initializer_list>
#include <string>

#include "buffer.h"
#include "profile.h"
#include "twinflow/memory.h"

/// oneDNN as this library uses it: one CPU engine, scratchpads of our own, one thread for each primitive.
namespace twinflow::twin {

using dnnl::memory;

const dnnl::engine& engine();
/// oneDNN's, as "2.6.3".
std::string library_version();
/// Whether oneDNN will use these instructions: the processor has them, and ONEDNN_MAX_CPU_ISA (or the older
/// DNNL_MAX_CPU_ISA) allows them.
bool has(dnnl::cpu_isa level);
/// twinflow::with_memory_for, for work that calls oneDNN: where that has run out of memory as well.
template <class What, class Work>
decltype(auto) with_memory_for(const What& what, const Work& work) {
  return twinflow::with_memory_for(what, [&]() -> decltype(auto) {
    try {
      return work();
    } catch (const dnnl::error& error) {
      if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
      throw;
    }
  });
}
/// Whether convolutions of that type should have their channels last rather than in blocks. On AMX this is 4
/// to 20 times as fast. With oneDNN 3, bf16 needs it on all processors: for few input channels it computes
/// the gradient of the weights by gemm in any other layout, two to four times as slowly. Without AVX-512 it
/// is the faster layout for f32 as well.
bool want_channels_last(memory::data_type type);
/// Primitives use their own scratchpad argument and no threads of their own.
dnnl::primitive_attr attributes();
/// Puts oneDNN's OpenMP on one thread for the calling thread: at the head of every task that makes or runs a
/// primitive.
void one_thread();

/// A primitive and the scratchpad it asks for.
struct Kernel {
  dnnl::primitive primitive;
  memory::desc scratchpad;

  template <class Primitive>
  static Kernel make(const typename Primitive::primitive_desc& descriptor) {
    Kernel made{Primitive(descriptor), descriptor.scratchpad_desc()};
    if (CountOnly* const counting = CountOnly::current)
      counting->scratchpad = std::max(counting->scratchpad, made.scratchpad.get_size());
    return made;
  }
  static Kernel reorder(const memory::desc& from, const memory::desc& to);
  explicit operator bool() const { return static_cast<bool>(primitive.get(true)); }
  /// What oneDNN calls the code it chose: "jit:avx512_core".
  std::string name() const;
};

struct Argument {
  int id;
  const memory::desc& desc;
  const void* data;
};

/// What one thread works with.
struct Slot {
  Buffer arena, scratchpad;
  dnnl::stream stream{engine()};
  Stopwatch watch;

  void run(const Kernel& kernel, std::initializer_list<Argument> arguments);
};

/// Copies between two layouts or types, once, without a slot at hand.
void convert(const memory::desc& from, const void* source, const memory::desc& to, void* target);

}  // namespace twinflow::twin
