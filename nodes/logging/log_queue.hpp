// Lines on their way to a file descriptor that may stop taking them: a pipe whose reader hangs, a
// terminal that was halted, a disk that waits. Who logs only ever waits for memory; a thread of the
// queue's own does the writing. spdlog's asynchronous logger would not do: its end joins a thread
// that may be inside of a write for ever.
//
//   push -> waiting (bounded) -> batch -> write(2)
//           full: the line is lost and counted; where the gap is, one line says how many there were
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace skein {

/// What may wait to be written; about as much again may be in the batch that is being written.
inline constexpr std::size_t log_queue_bytes_max = 1024 * 1024;
/// How long the end of a queue waits for its lines to be written.
inline constexpr std::chrono::milliseconds log_end_limit{1000};

class log_queue {
 public:
  /// Makes the line that stands for the lost ones. Called by the queue's thread.
  using lost_line = std::function<std::string(std::uint64_t lines)>;

  /// Duplicates `fd`. No signal is delivered to the queue's thread.
  log_queue(int fd, std::size_t bytes_max, lost_line lost,
            std::chrono::milliseconds end_limit = log_end_limit);
  /// Waits for the rest to be written, within the limit; then the rest is given up.
  ~log_queue();
  log_queue(const log_queue&) = delete;
  log_queue& operator=(const log_queue&) = delete;

  /// Any thread; never waits for the file. `line` ends with its newline.
  void push(std::string_view line);

  /// Waits until all is written, at most `limit`. Whether it is.
  bool flush(std::chrono::milliseconds limit);

  /// Whether nothing waits to be written. May be asked in a signal handler.
  bool idle() const noexcept;

 private:
  struct shared; // outlives the queue if its thread is inside of a write
  std::shared_ptr<shared> shared_;
  std::chrono::milliseconds end_limit_;
};

} // namespace skein
