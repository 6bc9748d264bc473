#include "nodes/broker/credit_book.hpp"

#include "protocol/check.hpp"

#include <algorithm>

namespace skein {

std::uint64_t credit_book::account::free() const {
  std::uint64_t out = 0, back = 0;
  for (const auto& [at, each] : holders) {
    out += each.granted;
    back += each.returned;
  }
  return opened + back > out ? opened + back - out : 0;
}

credit_book::grants credit_book::on_credit(const credit& told) {
  grants out;
  account& of = agents_[told.agent];
  of.opened = std::max(of.opened, told.opened_total);
  give(told.agent, of, out);
  return out;
}

credit_book::grants credit_book::on_demand(const address& loop, const demand& told) {
  grants out;
  account& of = agents_[told.agent];
  holder& by = of.holders[loop];
  const bool repeat = told.wanted_total <= by.wanted && told.returned_total <= by.returned;
  by.wanted = std::max(by.wanted, told.wanted_total);
  // More cannot come back than was given: a number beyond it would invent slots.
  by.returned = std::max(by.returned, std::min(told.returned_total, by.granted));
  give(told.agent, of, out);
  const bool served =
      std::any_of(out.begin(), out.end(), [&](const auto& each) { return each.first == loop; });
  if (repeat && !served && by.granted > 0)
    out.emplace_back(loop, grant{told.agent, by.granted}); // it may have missed the last one
  return out;
}

void credit_book::give(const std::string& agent, account& from, grants& out) {
  std::uint64_t left = from.free();
  if (left == 0 || from.holders.empty())
    return;
  std::vector<std::pair<const address*, holder*>> wanting;
  for (auto& [at, each] : from.holders)
    if (each.wanted > each.granted)
      wanting.emplace_back(&at, &each);
  if (wanting.empty())
    return;
  // Whoever is served first changes, so that one slot at a time goes around.
  std::rotate(wanting.begin(),
              wanting.begin() + static_cast<std::ptrdiff_t>(from.next++ % wanting.size()),
              wanting.end());
  std::vector<std::uint64_t> given(wanting.size(), 0);
  std::size_t open = wanting.size();
  while (left > 0 && open > 0) {
    const std::uint64_t share = std::max<std::uint64_t>(1, left / open);
    open = 0;
    for (std::size_t i = 0; i < wanting.size() && left > 0; ++i) {
      holder& to = *wanting[i].second;
      const std::uint64_t part = std::min({share, left, to.wanted - to.granted});
      to.granted += part;
      given[i] += part;
      left -= part;
      open += to.wanted > to.granted ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < wanting.size(); ++i)
    if (given[i] > 0)
      out.emplace_back(*wanting[i].first, grant{agent, wanting[i].second->granted});
}

std::uint64_t credit_book::free(const std::string& agent) const {
  const auto found = agents_.find(agent);
  return found == agents_.end() ? 0 : found->second.free();
}

} // namespace skein
