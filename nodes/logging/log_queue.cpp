#include "nodes/logging/log_queue.hpp"

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <fcntl.h>
#include <mutex>
#include <poll.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace skein {

namespace {

/// Waits as long as it takes. What the file refuses (no reader, no space) has no better place.
void write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) { // somebody who shares the file has made it non-blocking
      pollfd item{fd, POLLOUT, 0};
      poll(&item, 1, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

} // namespace

struct log_queue::shared {
  int fd;
  std::size_t bytes_max;
  lost_line lost_text;

  std::mutex mutex;
  std::condition_variable filled;
  std::condition_variable written;
  std::string waiting;
  std::uint64_t lost = 0; // behind what is waiting
  bool writing = false;
  bool closing = false;
  std::atomic<bool> idle{true};

  shared(int to, std::size_t max, lost_line text)
    : fd{fcntl(to, F_DUPFD_CLOEXEC, 0)}, bytes_max{max}, lost_text{std::move(text)} {}
  ~shared() {
    if (fd >= 0)
      close(fd);
  }
  shared(const shared&) = delete;
  shared& operator=(const shared&) = delete;

  bool empty() const { return waiting.empty() && lost == 0; }

  void run() {
    std::string batch;
    std::unique_lock lock{mutex};
    while (true) {
      filled.wait(lock, [this] { return closing || !empty(); });
      if (empty())
        return;
      batch.clear();
      batch.swap(waiting);
      const std::uint64_t gap = std::exchange(lost, 0);
      writing = true;
      lock.unlock();
      write_all(fd, batch);
      if (gap > 0)
        write_all(fd, lost_text(gap));
      lock.lock();
      writing = false;
      idle.store(empty());
      written.notify_all();
    }
  }

  bool wait_until_written(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex};
    return written.wait_for(lock, limit, [this] { return empty() && !writing; });
  }
};

log_queue::log_queue(int fd, std::size_t bytes_max, lost_line lost,
                     std::chrono::milliseconds end_limit)
  : shared_{std::make_shared<shared>(fd, bytes_max, std::move(lost))}, end_limit_{end_limit} {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread{[state = shared_] {
    pthread_setname_np(pthread_self(), "skein-log");
    state->run();
  }}.detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

log_queue::~log_queue() {
  flush(end_limit_);
  {
    const std::lock_guard lock{shared_->mutex};
    shared_->closing = true;
  }
  shared_->filled.notify_one();
}

void log_queue::push(std::string_view line) {
  {
    const std::lock_guard lock{shared_->mutex};
    shared_->idle.store(false);
    // After a lost line all are, until the writer has come to the gap: lines keep their order.
    if (shared_->lost > 0 || shared_->waiting.size() + line.size() > shared_->bytes_max)
      ++shared_->lost;
    else
      shared_->waiting += line;
  }
  shared_->filled.notify_one();
}

bool log_queue::flush(std::chrono::milliseconds limit) {
  return shared_->wait_until_written(limit);
}

bool log_queue::idle() const noexcept { return shared_->idle.load(); }

} // namespace skein
