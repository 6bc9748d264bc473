// A thread that owns one thing and does with it what it is given, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <string>
#include <thread>
#include <utility>

namespace skein {

template <class Owned>
class owner_thread {
 public:
  using work = std::function<void(Owned&)>;

  /// `name` as the system shows it, 15 bytes at most.
  owner_thread(std::string name, std::unique_ptr<Owned> owned)
    : name_{std::move(name)}, owned_{std::move(owned)} {}
  /// Closed before, if it was started.
  ~owner_thread() = default;
  owner_thread(const owner_thread&) = delete;
  owner_thread& operator=(const owner_thread&) = delete;

  void start() {
    thread_ = std::thread{[this] {
      pthread_setname_np(pthread_self(), name_.c_str());
      run();
    }};
  }

  /// Does what is queued, ends the thread and what it owns. Nothing may be added afterwards.
  void close() {
    {
      const std::lock_guard lock{mutex_};
      closing_ = true;
    }
    ready_.notify_one();
    thread_.join();
    owned_.reset();
  }

  /// Any thread; kept until start().
  void add(work what) {
    {
      const std::lock_guard lock{mutex_};
      queue_.push_back(std::move(what));
    }
    ready_.notify_one();
  }

 private:
  void run() {
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
        each(*owned_);
    }
  }

  std::string name_;
  std::unique_ptr<Owned> owned_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<work> queue_; // guarded by mutex_
  bool closing_ = false;   // guarded by mutex_
  std::thread thread_;
};

} // namespace skein
