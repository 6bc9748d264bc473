#include "journal/route_book.hpp"

namespace skein::journal {

route_code route_book::code_of(const delivery_list& deliveries) {
  if (last_ != 0 && lists_[last_ - 1u] == deliveries)
    return last_;
  const std::string name{reinterpret_cast<const char*>(deliveries.begin()),
                         deliveries.size() * sizeof(agent_no)};
  const auto known = codes_.find(name);
  if (known != codes_.end())
    return last_ = known->second;
  if (lists_.size() >= route_codes_max)
    return 0;
  lists_.push_back(deliveries);
  last_ = size();
  codes_.emplace(name, last_);
  return last_;
}

const delivery_list* route_book::find(route_code code) const noexcept {
  return code == 0 || code > lists_.size() ? nullptr : &lists_[code - 1u];
}

} // namespace skein::journal
