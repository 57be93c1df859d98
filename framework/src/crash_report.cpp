#include "crash_report.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace twinflow {

namespace {

// Everything that the handler touches is here before it runs, and needs neither a lock nor the heap.

/// A thread's place, on a cache line of its own.
struct alignas(64) Slot {
  CodePlace place;
};
Slot slots[256];  // of the first threads; later ones are not listed while others crash
std::atomic<std::size_t> slots_taken{0};

constexpr std::size_t stack_bytes = std::size_t{64} << 10;  // registers alone may take 12 kB of it

/// What a thread has: its place, and a stack for handlers.
class ThreadState {
 public:
  ThreadState() {
    const std::size_t mine = slots_taken.fetch_add(1, std::memory_order_relaxed);
    place_ = mine < std::size(slots) ? &slots[mine].place : &own_;
    stack_t now = {};
    if (sigaltstack(nullptr, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;  // a sanitizer has set one
    void* const memory =
        mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_ = memory;
    stack_t made = {};
    made.ss_sp = memory;
    made.ss_size = stack_bytes;
    sigaltstack(&made, nullptr);
  }
  ~ThreadState() {
    if (!stack_) return;
    stack_t none = {};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(stack_, stack_bytes);
  }
  CodePlace& place() { return *place_; }

 private:
  CodePlace own_;
  CodePlace* place_;
  void* stack_ = nullptr;
};

// The pointer is what a handler may read: nullptr in a thread that was in nobody's code yet. Its address is
// known when the thread starts, which makes it quick, too.
__attribute__((tls_model("initial-exec"))) thread_local CodePlace* current = nullptr;

CodePlace& place() {
  if (!current) {
    thread_local ThreadState state;
    current = &state.place();
  }
  return *current;
}

char saved_state[4096];
std::atomic<bool> has_saved_state{false};

std::atomic<bool> reporting{false};
struct sigaction before[std::size(crash_signals)];

/// Text for standard error, without the heap. What does not fit is cut off.
class Line {
 public:
  Line& operator<<(const char* text) {
    while (*text && size_ < sizeof text_) text_[size_++] = *text++;
    return *this;
  }
  Line& operator<<(std::uint64_t number) {
    char digits[21];
    char* at = std::end(digits);
    *--at = '\0';
    do *--at = static_cast<char>('0' + number % 10);
    while (number /= 10);
    return *this << at;
  }
  Line& operator<<(const CodePlace& place) {
    if (!place.type) return *this << "the library '" << place.library << "', while it is loaded";
    if (*place.node)
      *this << "node '" << place.node << "' (" << place.type;
    else
      *this << "an object of type '" << place.type << "' (";
    if (*place.library) *this << (*place.node ? ", " : "") << "of '" << place.library << "'";
    *this << ")";
    if (place.has_item) *this << ", item " << place.item.index + 1 << " of epoch " << place.item.epoch + 1;
    return *this;
  }
  ~Line() {
    for (std::size_t from = 0; from < size_;) {
      const ssize_t wrote = write(STDERR_FILENO, text_ + from, size_ - from);
      if (wrote <= 0) return;
      from += static_cast<std::size_t>(wrote);
    }
  }

 private:
  char text_[8192];
  std::size_t size_ = 0;
};

const char* meaning(int signal) {
  switch (signal) {
    case SIGSEGV:
      return "SIGSEGV (invalid memory access)";
    case SIGBUS:
      return "SIGBUS (memory or a mapped file is not there)";
    case SIGFPE:
      return "SIGFPE (integer division by zero)";
    case SIGILL:
      return "SIGILL (invalid instruction)";
    default:
      return "SIGABRT (abort, mostly because nobody caught an exception)";
  }
}

void write_report(int signal) {
  Line line;
  line << "error: the process ends by " << meaning(signal);
  if (current && current->library) {
    line << " in " << *current << "\n";
  } else {
    line << " outside of the calls into nodes, perhaps in a thread that a node or a library has started\n";
    const std::size_t threads = std::min(slots_taken.load(std::memory_order_relaxed), std::size(slots));
    for (std::size_t i = 0; i < threads; ++i)
      if (const CodePlace place = slots[i].place; place.library) line << "at that time in " << place << "\n";
  }
  if (has_saved_state.load(std::memory_order_acquire))
    line << "note: the state saved last is '" << saved_state << "'; flowrun --resume continues from it\n";
}

void on_crash(int signal, siginfo_t* info, void*) {
  if (reporting.exchange(true))
    for (;;) pause();  // another thread reports, and then ends the process
  write_report(signal);
  for (std::size_t i = 0; i < std::size(crash_signals); ++i)
    if (crash_signals[i] == signal) sigaction(signal, &before[i], nullptr);
  reporting = false;
  // Where an instruction was at fault it runs again. What was sent is sent again, and comes once this
  // returns.
  if (info->si_code <= 0) raise(signal);
}

void on_exit() {
  if (!current || !current->library) return;
  {
    Line line;
    line << "error: exit() was called in " << *current << ": a plugin must not end the process\n";
    if (has_saved_state.load(std::memory_order_acquire))
      line << "note: the state saved last is '" << saved_state << "'; flowrun --resume continues from it\n";
  }
  _exit(1);
}

}  // namespace

InCodeOf::InCodeOf(const CodePlace& there) : before_(place()) { place() = there; }
InCodeOf::InCodeOf(const std::string& node, const TypeInfo& type, const Item* item)
    : InCodeOf(CodePlace{node.c_str(), type.type.c_str(), type.library.c_str(), item ? *item : Item(),
                         item != nullptr}) {}
InCodeOf::InCodeOf(const std::string& library)
    : InCodeOf(CodePlace{nullptr, nullptr, library.c_str(), {}, false}) {}
InCodeOf::~InCodeOf() { place() = before_; }
CodePlace InCodeOf::here() { return place(); }

void report_crashes() {
  place();
  std::atexit(on_exit);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr bool sanitizer_reports = true;  // and says more
#else
  constexpr bool sanitizer_reports = false;
#endif
  if (sanitizer_reports) return;
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  action.sa_sigaction = on_crash;
  for (const int signal : crash_signals) sigaddset(&action.sa_mask, signal);
  for (std::size_t i = 0; i < std::size(crash_signals); ++i) sigaction(crash_signals[i], &action, &before[i]);
}

void report_state_in_crashes(const std::string& file) {
  has_saved_state = false;
  const std::size_t size = std::min(file.size(), sizeof saved_state - 1);
  std::memcpy(saved_state, file.data(), size);
  saved_state[size] = '\0';
  has_saved_state.store(size > 0, std::memory_order_release);
}

CrashStacks::CrashStacks(tbb::task_arena& arena) : tbb::task_scheduler_observer(arena) {
  std::atexit(on_exit);  // once more: before the destructors of what was loaded since
  observe(true);
}
CrashStacks::~CrashStacks() {
  observe(false);
  report_state_in_crashes("");
}
void CrashStacks::on_scheduler_entry(bool) { place(); }

}  // namespace twinflow
