#include "nodes/store/reading_thread.hpp"

#include <pthread.h>
#include <utility>

namespace skein {

reading_thread::reading_thread(std::string name, std::unique_ptr<journal::reader> reader)
  : name_{std::move(name)}, reader_{std::move(reader)} {}

void reading_thread::start() {
  thread_ = std::thread{[this] {
    pthread_setname_np(pthread_self(), name_.c_str());
    run();
  }};
}

void reading_thread::close() {
  {
    const std::lock_guard lock{mutex_};
    closing_ = true;
  }
  ready_.notify_one();
  thread_.join();
  reader_.reset();
}

void reading_thread::add(work what) {
  {
    const std::lock_guard lock{mutex_};
    queue_.push_back(std::move(what));
  }
  ready_.notify_one();
}

void reading_thread::run() {
  while (true) {
    std::deque<work> taken;
    {
      std::unique_lock lock{mutex_};
      ready_.wait(lock, [this] { return !queue_.empty() || closing_; });
      if (queue_.empty())
        return;
      taken.swap(queue_);
    }
    for (const work& each : taken)
      each(*reader_);
  }
}

} // namespace skein
