// Bytes to one request: head, then body, each bounded. Knows nothing of sockets or clocks; the
// connection feeds it and decides after the head whether and how much of a body is read.
//
//   head --(feed)--> headed --(read_body)--> body --(feed)--> complete --(restart)--> head
//     \__________________________ failed ______________________/   (the connection must be closed)
#pragma once

#include "nodes/http/chunk_decoder.hpp"
#include "nodes/http/http_framing.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace skein {

class request_reader {
 public:
  enum class stage : std::uint8_t { head, headed, body, complete, failed };

  request_reader() = default;
  request_reader(const request_reader&) = delete; // head() points into this object
  request_reader& operator=(const request_reader&) = delete;

  stage at() const noexcept { return stage_; }

  /// Takes bytes in the stages head and body, and says how many. Stops at a stage's end.
  std::size_t feed(std::string_view bytes);

  /// From headed. Fails with too_large at once when the declared length is beyond `limit`.
  void read_body(std::size_t limit);

  /// Valid from headed on, until restart.
  const request_head& head() const noexcept { return head_; }
  std::string_view body() const noexcept { return body_; }
  /// Of failed.
  const error& problem() const noexcept { return problem_; }

  /// Whether any byte of a request is here.
  bool started() const noexcept { return stage_ != stage::head || !raw_head_.empty(); }
  /// Memory of the body's buffer outside of this object.
  std::size_t body_memory() const noexcept;

  /// From complete on, when nobody looks at body() any more: gives its buffer back if it is larger
  /// than this.
  void release_body(std::size_t keep_max);
  /// Ready for the next request; keeps its memory.
  void restart();
  /// Gives buffers larger than this back; only between requests.
  void release_memory(std::size_t keep_max);

 private:
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void fail(error problem);

  head_limits bounds_;
  stage stage_ = stage::head;
  bool skipped_line_ = false; // the one empty line that may come before a request
  std::string raw_head_;
  head_scanner scanner_;
  request_head head_;
  std::string body_;
  std::optional<chunk_decoder> chunks_;
  error problem_;
};

} // namespace skein
