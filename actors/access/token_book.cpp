#include "actors/access/token_book.hpp"

#include <algorithm>

namespace skein {

std::shared_ptr<const token_book::entries> token_book::read() const {
  const std::lock_guard lock{mutex_};
  return entries_;
}

std::optional<token_book::holder> token_book::find(const token_digest& digest, instant now) const {
  const auto all = read();
  const entry* const found = find_in(*all, digest, now);
  if (found == nullptr)
    return std::nullopt;
  found->used->store(to_ns(now), std::memory_order_relaxed);
  return holder{found->token.name, found->token.may, found->token.expires, digest};
}

bool token_book::still_allows(const token_digest& digest, role needed, instant now) const {
  const auto all = read();
  const entry* const found = find_in(*all, digest, now);
  return found != nullptr && allows(found->token.may, needed);
}

const token_book::entry* token_book::find_in(const entries& all, const token_digest& digest,
                                             instant now) {
  const entry* found = nullptr;
  for (const entry& each : all)
    found = same_digest(each.token.digest, digest) ? &each : found;
  return found != nullptr && found->token.is_valid(now) ? found : nullptr;
}

void token_book::write(const std::vector<access_token>& tokens) {
  const auto before = read();
#ifdef SKEIN_BUG_REVOKED_TOKEN_WORKS
  entries next = *before;
#else
  entries next;
#endif
  for (const access_token& each : tokens) {
    const auto same = std::find_if(before->begin(), before->end(), [&](const entry& old) {
      return same_digest(old.token.digest, each.digest);
    });
    next.push_back({each, same != before->end() ? same->used
                                                : std::make_shared<std::atomic<std::int64_t>>(0)});
  }
  auto made = std::make_shared<const entries>(std::move(next));
  const std::lock_guard lock{mutex_};
  entries_ = std::move(made);
}

std::vector<std::pair<std::string, instant>> token_book::uses() const {
  std::vector<std::pair<std::string, instant>> all;
  for (const entry& each : *read())
    if (const std::int64_t at = each.used->load(std::memory_order_relaxed); at != 0)
      all.emplace_back(each.token.name, from_ns(at));
  return all;
}

} // namespace skein
