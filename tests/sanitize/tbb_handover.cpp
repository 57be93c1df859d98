// Debian's libtbb.so is not instrumented: ThreadSanitizer does not see how it hands a task from the thread
// that spawned it to the one that runs it, nor that a wait ended because the work did, nor that memory went
// from one owner to the next, and would call every message of the graph a race. This file, part of the
// framework in -DTWINFLOW_SANITIZE=thread builds only, stands before these functions of libtbb.so and tells
// it. Nothing is suppressed. What is told is what oneTBB promises, and no more.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>
#include <tbb/flow_graph.h>

#include <cstdlib>

namespace tbb::detail {

namespace {

/// Runs the task that it wraps, after all that the spawning thread did before.
class HandedOver final : public d1::task {
 public:
  explicit HandedOver(d1::task& inner) : inner_(inner) { __tsan_release(this); }
  task* execute(d1::execution_data& data) override { return inner(&d1::task::execute, data); }
  task* cancel(d1::execution_data& data) override { return inner(&d1::task::cancel, data); }

 private:
  task* inner(task* (d1::task::*what)(d1::execution_data&), d1::execution_data& data) {
    __tsan_acquire(this);
    d1::task& inner = inner_;
    delete this;
    return (inner.*what)(data);
  }
  d1::task& inner_;
};

/// The function of libtbb.so that the one of the same name below stands before.
template <class Function>
Function* behind(const char* symbol) {
  void* found = dlsym(RTLD_NEXT, symbol);
  if (!found) std::abort();  // another oneTBB, with other names
  return reinterpret_cast<Function*>(found);
}

/// The count of what was awaited is taken down in headers, which are instrumented: touching it once more is
/// enough.
void ended(d1::wait_context& awaited) {
  awaited.reserve();
  awaited.release();
}

}  // namespace

namespace r1 {

void spawn(d1::task& task, d1::task_group_context& context) {
  static const auto next = behind<void(d1::task&, d1::task_group_context&)>(
      "_ZN3tbb6detail2r15spawnERNS0_2d14taskERNS2_18task_group_contextE");
  next(*new HandedOver(task), context);
}

void spawn(d1::task& task, d1::task_group_context& context, d1::slot_id slot) {
  static const auto next = behind<void(d1::task&, d1::task_group_context&, d1::slot_id)>(
      "_ZN3tbb6detail2r15spawnERNS0_2d14taskERNS2_18task_group_contextEt");
  next(*new HandedOver(task), context, slot);
}

void submit(d1::task& task, d1::task_group_context& context, arena* to, std::uintptr_t critical) {
  static const auto next = behind<void(d1::task&, d1::task_group_context&, arena*, std::uintptr_t)>(
      "_ZN3tbb6detail2r16submitERNS0_2d14taskERNS2_18task_group_contextEPNS1_5arenaEm");
  next(*new HandedOver(task), context, to, critical);
}

void execute_and_wait(d1::task& task, d1::task_group_context& task_context, d1::wait_context& awaited,
                      d1::task_group_context& context) {
  static const auto next = behind<void(d1::task&, d1::task_group_context&, d1::wait_context&,
                                       d1::task_group_context&)>(
      "_ZN3tbb6detail2r116execute_and_waitERNS0_2d14taskERNS2_18task_group_contextERNS2_12wait_contextES6_");
  next(task, task_context, awaited, context);
  ended(awaited);
}

void wait(d1::wait_context& awaited, d1::task_group_context& context) {
  static const auto next = behind<void(d1::wait_context&, d1::task_group_context&)>(
      "_ZN3tbb6detail2r14waitERNS0_2d112wait_contextERNS2_18task_group_contextE");
  next(awaited, context);
  ended(awaited);
}

// libtbb.so keeps what is given back for the next who asks.

void* allocate(d1::small_object_pool*& pool, std::size_t size) {
  static const auto next = behind<void*(d1::small_object_pool*&, std::size_t)>(
      "_ZN3tbb6detail2r18allocateERPNS0_2d117small_object_poolEm");
  void* memory = next(pool, size);
  __tsan_acquire(memory);
  return memory;
}

void* allocate(d1::small_object_pool*& pool, std::size_t size, const d1::execution_data& data) {
  static const auto next = behind<void*(d1::small_object_pool*&, std::size_t, const d1::execution_data&)>(
      "_ZN3tbb6detail2r18allocateERPNS0_2d117small_object_poolEmRKNS2_14execution_dataE");
  void* memory = next(pool, size, data);
  __tsan_acquire(memory);
  return memory;
}

void deallocate(d1::small_object_pool& pool, void* memory, std::size_t size) {
  static const auto next = behind<void(d1::small_object_pool&, void*, std::size_t)>(
      "_ZN3tbb6detail2r110deallocateERNS0_2d117small_object_poolEPvm");
  __tsan_release(memory);
  next(pool, memory, size);
}

void deallocate(d1::small_object_pool& pool, void* memory, std::size_t size, const d1::execution_data& data) {
  static const auto next =
      behind<void(d1::small_object_pool&, void*, std::size_t, const d1::execution_data&)>(
          "_ZN3tbb6detail2r110deallocateERNS0_2d117small_object_poolEPvmRKNS2_14execution_dataE");
  __tsan_release(memory);
  next(pool, memory, size, data);
}

}  // namespace r1

}  // namespace tbb::detail
