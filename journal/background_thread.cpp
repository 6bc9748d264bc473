#include "journal/background_thread.hpp"

#include <pthread.h>
#include <utility>

namespace skein::journal {

background_thread::~background_thread() {
  {
    const std::scoped_lock hold{mutex_};
    ending_ = true;
  }
  ready_.notify_one();
  if (thread_.joinable())
    thread_.join();
}

void background_thread::run(std::function<void()> job) {
  {
    const std::scoped_lock hold{mutex_};
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
  if (thread_.joinable())
    return;
  thread_ = std::thread{[this] { work(); }};
  ::pthread_setname_np(thread_.native_handle(), name_);
}

void background_thread::work() {
  std::unique_lock hold{mutex_};
  for (;;) {
    ready_.wait(hold, [this] { return ending_ || !jobs_.empty(); });
    if (jobs_.empty())
      return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    hold.unlock();
    job();
    job = nullptr;
    hold.lock();
  }
}

} // namespace skein::journal
