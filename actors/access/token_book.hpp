// The tokens that are valid now, for whoever lets people in: read on any thread, for each request.
// Its one writer is the actor that keeps them.
#pragma once

#include "actors/access/token.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace skein {

class token_book {
 public:
  struct holder {
    std::string name;
    role may = role::none;
    instant expires = no_instant;
    std::optional<token_digest> digest = std::nullopt; // of the token that was shown
  };

  /// Whose token it is; notes that it was used. Every token is looked at in full, so that the time
  /// it takes says nothing about any of them.
  std::optional<holder> find(const token_digest& digest, instant now) const;
  /// Whether it still lets its holder do that. Notes no use.
  bool still_allows(const token_digest& digest, role needed, instant now) const;

  /// In the place of all that were there.
  void write(const std::vector<access_token>& tokens);
  /// When those were used last that were used since they came into the book, by name.
  std::vector<std::pair<std::string, instant>> uses() const;

 private:
  struct entry {
    access_token token;
    std::shared_ptr<std::atomic<std::int64_t>> used; // ns; 0: not yet
  };
  using entries = std::vector<entry>;
  std::shared_ptr<const entries> read() const;
  static const entry* find_in(const entries& all, const token_digest& digest, instant now);

  mutable std::mutex mutex_;
  std::shared_ptr<const entries> entries_ = std::make_shared<const entries>();
};

} // namespace skein
