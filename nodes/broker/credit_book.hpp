// Who may start how many turns of which agent: the broker's side of the credit (the loop's side is
// actors/slot_account.hpp). Pure.
//
//   opened - (sum of granted) + (sum of returned) = slots to give away
//
// All numbers only grow and come whole, so lost, repeated and late messages do no harm.
#pragma once

#include "protocol/messages.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace skein {

class credit_book {
 public:
  using grants = std::vector<std::pair<address, grant>>;

  /// Each returns the grants to tell now.
  grants on_credit(const credit& told);
  grants on_demand(const address& loop, const demand& told);

  /// Slots that nobody holds or wants.
  std::uint64_t free(const std::string& agent) const;

 private:
  struct holder {
    std::uint64_t wanted = 0;
    std::uint64_t returned = 0;
    std::uint64_t granted = 0;
  };
  struct account {
    std::uint64_t opened = 0;
    std::map<address, holder> holders;
    std::size_t next = 0; // whose turn it is to be served first
    std::uint64_t free() const;
  };
  static void give(const std::string& agent, account& from, grants& out);

  std::map<std::string, account> agents_;
};

} // namespace skein
