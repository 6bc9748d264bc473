#include "nodes/http/request_reader.hpp"

#include <algorithm>

namespace skein {

namespace {
/// A body's buffer starts no larger than this, whatever length is declared: memory follows bytes.
constexpr std::size_t first_body_memory = 64 << 10;

/// Assigning an empty one would keep the memory.
template <class Container>
void give_back(Container& buffer) {
  Container{}.swap(buffer);
}
} // namespace

std::size_t request_reader::feed(std::string_view bytes) {
  if (stage_ == stage::head)
    return feed_head(bytes);
  if (stage_ == stage::body)
    return feed_body(bytes);
  return 0;
}

std::size_t request_reader::feed_head(std::string_view bytes) {
  const std::size_t before = raw_head_.size();
  raw_head_.append(bytes.substr(0, bounds_.bytes + 1 - before));
  auto end = scanner_.scan(raw_head_);
  if (!end) {
    fail(end.error());
    return bytes.size();
  }
  if (*end == 0)
    return raw_head_.size() - before;
  const std::size_t taken = *end - before;
  raw_head_.resize(*end);
  if (raw_head_ == "\r\n" && !skipped_line_) {
    raw_head_.clear();
    scanner_ = head_scanner{bounds_};
    skipped_line_ = true;
    return taken;
  }
  if (auto parsed = parse_head(raw_head_, bounds_, head_); !parsed)
    fail(parsed.error());
  else
    stage_ = stage::headed;
  return taken;
}

void request_reader::read_body(std::size_t limit) {
  SKEIN_CHECK(stage_ == stage::headed);
  stage_ = stage::body;
  if (head_.chunked) {
    chunks_.emplace(limit);
    return;
  }
  if (head_.content_length > limit) {
    fail({errc::too_large, "The body may have at most " + std::to_string(limit) + " bytes."});
    return;
  }
  if (head_.content_length == 0)
    stage_ = stage::complete;
  else if (body_.capacity() < head_.content_length)
    body_.reserve(std::min<std::size_t>(head_.content_length, first_body_memory));
}

std::size_t request_reader::feed_body(std::string_view bytes) {
  if (chunks_) {
    auto taken = chunks_->feed(bytes, body_);
    if (!taken) {
      fail(taken.error());
      return bytes.size();
    }
    if (chunks_->complete())
      stage_ = stage::complete;
    return *taken;
  }
  const std::size_t taken =
      std::min<std::size_t>(head_.content_length - body_.size(), bytes.size());
  if (body_.size() + taken > body_.capacity()) // doubling, but never beyond what was declared
    body_.reserve(std::min<std::size_t>(head_.content_length,
                                        std::max(body_.size() + taken, body_.capacity() * 2)));
  body_.append(bytes.substr(0, taken));
  if (body_.size() == head_.content_length)
    stage_ = stage::complete;
  return taken;
}

std::size_t request_reader::body_memory() const noexcept {
  const std::size_t inside = std::string{}.capacity();
  return body_.capacity() > inside ? body_.capacity() : 0;
}

void request_reader::release_body(std::size_t keep_max) {
  SKEIN_CHECK(stage_ == stage::complete);
  if (body_.capacity() > keep_max)
    give_back(body_);
}

void request_reader::restart() {
  stage_ = stage::head;
  skipped_line_ = false;
  head_.clear(); // its views are about to dangle
  raw_head_.clear();
  scanner_ = head_scanner{bounds_};
  body_.clear();
  chunks_.reset();
  problem_ = {};
}

void request_reader::release_memory(std::size_t keep_max) {
  SKEIN_CHECK(!started());
  if (raw_head_.capacity() > keep_max)
    give_back(raw_head_);
  if (body_.capacity() > keep_max)
    give_back(body_);
  if (head_.fields.capacity() * sizeof(header_list::value_type) > keep_max)
    give_back(head_.fields);
}

void request_reader::fail(error problem) {
  stage_ = stage::failed;
  problem_ = std::move(problem);
}

} // namespace skein
