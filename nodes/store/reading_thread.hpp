// A thread that owns one reader of the journal and does with it what it is given, in order.
#pragma once

#include "journal/journal.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace skein {

class reading_thread {
 public:
  using work = std::function<void(journal::reader&)>;

  /// `name` as the system shows it, 15 bytes at most.
  reading_thread(std::string name, std::unique_ptr<journal::reader> reader);
  /// Closed before, if it was started.
  ~reading_thread() = default;
  reading_thread(const reading_thread&) = delete;
  reading_thread& operator=(const reading_thread&) = delete;

  void start();
  /// Does what is queued, ends the thread and closes the reader. Nothing may be added afterwards.
  void close();

  /// Any thread; kept until start().
  void add(work what);

 private:
  void run();

  std::string name_;
  std::unique_ptr<journal::reader> reader_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<work> queue_; // guarded by mutex_
  bool closing_ = false;   // guarded by mutex_
  std::thread thread_;
};

} // namespace skein
