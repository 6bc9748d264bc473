// One thread that carries out what it is given, in order. It is started with the first of them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace skein::journal {

/// Carries out a job: now, or on another thread, each after the one before.
using job_runner = std::function<void(std::function<void()> job)>;

/// On the caller's thread, before it goes on: for tests, whose disk knows one thread.
inline void run_at_once(const std::function<void()>& job) { job(); }

class background_thread {
 public:
  explicit background_thread(const char* name) : name_{name} {}
  /// Carries out what it was given, then ends.
  ~background_thread();
  background_thread(const background_thread&) = delete;
  background_thread& operator=(const background_thread&) = delete;

  void run(std::function<void()> job);

 private:
  void work();

  const char* name_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_; // guarded by mutex_
  bool ending_ = false;                    // guarded by mutex_
  std::thread thread_;
};

} // namespace skein::journal
