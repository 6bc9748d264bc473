// Rows of one table in the order of their delivery, read along with the events.
#pragma once

#include "journal/sqlite_db.hpp"

namespace skein::journal {

class rows_by_delivery {
 public:
  /// `query` has the row number first and is in that order; its parameters are bound.
  explicit rows_by_delivery(statement& query) : query_{&query} { next(); }
  ~rows_by_delivery() { query_->reset(); }
  rows_by_delivery(const rows_by_delivery&) = delete;
  rows_by_delivery& operator=(const rows_by_delivery&) = delete;

  /// Whether the current row belongs to this delivery; steps over rows of earlier ones.
  bool is_at(std::int64_t delivery) {
    while (code_ == SQLITE_ROW && query_->integer(0) < delivery)
      next();
    return code_ == SQLITE_ROW && query_->integer(0) == delivery;
  }
  void next() { code_ = query_->step(); }
  statement& row() { return *query_; }
  result<void> check() {
    return code_ == SQLITE_ROW || code_ == SQLITE_DONE
               ? result<void>{}
               : sqlite_error(query_->db(), code_, "reading what is pending");
  }

 private:
  statement* query_;
  int code_ = SQLITE_OK;
};

} // namespace skein::journal
