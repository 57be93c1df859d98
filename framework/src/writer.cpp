#include "writer.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>

#include "twinflow/folder.h"
#include "worker_thread.h"

namespace twinflow {

Writer::Writer(std::function<void(const std::string&)> say, std::vector<double> waits)
    : say_(std::move(say)), waits_(std::move(waits)) {
  thread_ = worker_thread([this] { work(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_future<bool> Writer::later(std::string what, std::function<void()> write, bool again) {
  const std::lock_guard lock(mutex_);
  Job& job = jobs_.emplace_back(Job{std::move(what), std::move(write), again, {}});
  changed_.notify_all();
  return job.done.get_future().share();
}

std::size_t Writer::pending() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Writer::drain() {
  later(
      "", [] {}, false)
      .wait();
}

void Writer::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    Job& job = jobs_.front();  // stays where it is while others come
    lock.unlock();
    const bool good = attempt(job);
    job.write = nullptr;  // what it holds may be large, and must be gone before anyone is told
    lock.lock();
    std::promise<bool> done = std::move(job.done);
    jobs_.pop_front();
    done.set_value(good);
  }
}

bool Writer::attempt(const Job& job) noexcept {
  try {
    return attempts(job);
  } catch (...) {  // there is no memory left to say why
    return false;
  }
}

bool Writer::attempts(const Job& job) {
  std::string why;
  for (std::size_t tried = 0;; ++tried) {
    try {
      job.write();
      full_ = false;
      if (tried > 0) say_(fmt::format("{}: written at the {}. attempt", job.what, tried + 1));
      return true;
    } catch (const FolderClosed&) {  // for good; the run reports it
      return false;
    } catch (const std::exception& error) {
      if (tried == 0 || error.what() != why) say_(fmt::format("{}: {}", job.what, error.what()));
      why = error.what();
    } catch (...) {
      say_(fmt::format("{}: an exception of an unknown type", job.what));
    }
    if (!job.again || full_ || tried == waits_.size()) break;
    std::unique_lock lock(mutex_);  // a run that ends still waits: the disk may yet have room
    changed_.wait_for(lock, std::chrono::duration<double>(waits_[tried]), [] { return false; });
  }
  const bool several = job.again && !full_;
  full_ |= job.again;
  say_(fmt::format("{}: given up{}", job.what,
                   several ? fmt::format(" after {} attempts", waits_.size() + 1) : ""));
  return false;
}

}  // namespace twinflow
