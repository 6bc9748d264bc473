// The lists of deliveries that pending events have, each under a small number: there are as many as
// sets of agents that the routes ever chose, usually a handful.
#pragma once

#include "journal/journal.hpp"
#include "journal/pending_set.hpp"

#include <string>
#include <unordered_map>
#include <vector>

namespace skein::journal {

class route_book {
 public:
  /// Of a new list the next code; 0 if there are as many as may be.
  route_code code_of(const delivery_list& deliveries);
  /// Null for a code that was not given out, and for 0.
  const delivery_list* find(route_code code) const noexcept;
  /// The codes are 1 to this.
  route_code size() const noexcept { return static_cast<route_code>(lists_.size()); }

 private:
  std::vector<delivery_list> lists_; // code 1 first
  std::unordered_map<std::string, route_code> codes_;
  route_code last_ = 0; // asked for last: most events have the same
};

} // namespace skein::journal
