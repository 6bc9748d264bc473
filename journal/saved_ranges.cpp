#include "journal/saved_ranges.hpp"

#include "journal/derived_table.hpp"
#include "journal/pending_codec.hpp"
#include "journal/saved_marks.hpp"
#include "journal/sqlite_codec.hpp"

#include <algorithm>
#include <utility>

namespace skein::journal {

namespace {

result<void> run_once(database& db, statement& which) {
  const int code = which.run();
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(db.raw(), code, "saving what is pending");
}

} // namespace

result<void> saved_ranges::save(store_state& state, commit_no last, std::size_t bytes_max) {
  pending_set& pending = state.pending();
  std::vector<std::uint64_t> changed = must_clear_ ? pending.ranges() : pending.changed_ranges();
  if (changed.empty() && upto_ == last && !must_clear_)
    return {};
  const auto upto_of = [this](std::uint64_t range) {
    const auto at = waiting_.find(range);
    return at == waiting_.end() ? looked_at_ : at->second;
  };
  std::stable_sort(changed.begin(), changed.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return upto_of(a) < upto_of(b); });
  std::map<std::uint64_t, row> after = must_clear_ ? std::map<std::uint64_t, row>{} : rows_;
  std::size_t saved = 0;
  commit_no upto = last;
  std::vector<std::pair<derived_table, bool>> to_clear; // and whether it can be read
  for (const derived_table& each : {pending_range_table, pending_saved_table, route_table})
    if (must_clear_) {
      const auto readable = is_readable(writer_.db(), each);
      if (!readable)
        return readable.error();
      to_clear.emplace_back(each, *readable);
    }
  auto written = writer_.try_transact([&]() -> result<void> {
    for (const auto& [table, readable] : to_clear)
      if (auto cleared = empty(writer_.db(), table, readable); !cleared)
        return cleared;
    if (auto done = save_routes(state.routes()); !done)
      return done;
    std::size_t bytes = 0;
    for (; saved < changed.size() && (must_clear_ || bytes < bytes_max); ++saved) {
      const placed_marks marks = pending.marks_of(changed[saved]);
      const std::string packed = marks.empty() ? std::string{} : pack_marks(marks);
      if (auto done = save_range(changed[saved], last, marks, packed); !done)
        return done;
      after[changed[saved]] = {last, marks.empty()};
      bytes += packed.size();
    }
    for (std::size_t i = saved; i < changed.size(); ++i)
      upto = std::min(upto, upto_of(changed[i]));
    for (auto each = after.begin(); each != after.end();) {
      const bool goes = each->second.is_empty && each->second.upto <= upto;
      if (goes)
        if (auto done = drop_range(each->first); !done)
          return done;
      each = goes ? after.erase(each) : std::next(each);
    }
    return save_position(upto, pending.range_events(), state.routes().size());
  });
  if (!written) {
    if (is_unreadable(written.error().code))
      forget();
    return written;
  }
  rows_ = std::move(after);
  upto_ = upto;
  routes_ = state.routes().size();
  must_clear_ = false;
  std::map<std::uint64_t, commit_no> waiting;
  for (std::size_t i = saved; i < changed.size(); ++i)
    waiting[changed[i]] = upto_of(changed[i]);
  waiting_ = std::move(waiting);
  looked_at_ = last;
  for (std::size_t i = 0; i < saved; ++i)
    pending.set_unchanged(changed[i]);
  return {};
}

result<void> saved_ranges::save_routes(const route_book& routes) {
  const route_code from = must_clear_ ? route_code{0} : routes_;
  if (from == routes.size())
    return {};
  auto insert = writer_.db().prepare("INSERT INTO route VALUES (?, ?, ?)");
  if (!insert)
    return insert.error();
  delivery_text text;
  for (route_code code = static_cast<route_code>(from + 1); code <= routes.size(); ++code) {
    const std::string_view deliveries = text.write(*routes.find(code));
    insert->bind(1, std::int64_t{code}).bind_text(2, deliveries);
    insert->bind(3, crc_of_route(code, deliveries));
    if (auto done = run_once(writer_.db(), *insert); !done)
      return done;
  }
  return {};
}

result<void> saved_ranges::save_range(std::uint64_t number, commit_no upto,
                                      const placed_marks& marks, std::string_view packed) {
  auto insert = writer_.db().prepare("INSERT OR REPLACE INTO pending_range VALUES (?, ?, ?, ?, ?)");
  if (!insert)
    return insert.error();
  insert->bind(1, number).bind(2, raw(upto)).bind(3, std::uint64_t{marks.size()});
  insert->bind_blob(4, packed).bind(5, crc_of_range(number, upto, marks.size(), packed));
  return run_once(writer_.db(), *insert);
}

result<void> saved_ranges::drop_range(std::uint64_t number) {
  return writer_.db().run("DELETE FROM pending_range WHERE no = " + std::to_string(number));
}

result<void> saved_ranges::save_position(commit_no upto, std::uint64_t range_events,
                                         route_code routes) {
  auto insert = writer_.db().prepare("INSERT OR REPLACE INTO pending_saved VALUES (1, ?, ?, ?, ?)");
  if (!insert)
    return insert.error();
  insert->bind(1, raw(upto)).bind(2, range_events).bind(3, std::int64_t{routes});
  insert->bind(4, crc_of_position({upto, range_events, routes}));
  return run_once(writer_.db(), *insert);
}

// ---- at a start --------------------------------------------------------------------------------

result<saved_ranges::found> saved_ranges::read(store_state& state, commit_no last) {
  auto got = read_tables(state, last);
  return got || !is_unreadable(got.error().code) ? std::move(got) : found{};
}

result<saved_ranges::found> saved_ranges::read_tables(store_state& state, commit_no last) {
  found got;
  const auto routes = read_position(state.pending().range_events(), last, got.is_new);
  if (!routes)
    return routes.error();
  if (!*routes)
    return got;
  const auto known = read_routes(state.routes(), **routes);
  if (!known)
    return known.error();
  if (!*known)
    return got;
  if (auto done = read_ranges(state, got); !done)
    return done.error();
  got.usable = true;
  return got;
}

/// How many routes there are; empty if what was saved is of no use.
result<std::optional<route_code>> saved_ranges::read_position(std::uint64_t range_events,
                                                              commit_no last, bool& is_new) {
  auto query = writer_.db().prepare("SELECT " SKEIN_PENDING_SAVED_COLUMNS " FROM pending_saved");
  if (!query)
    return query.error();
  const int code = query->step();
  is_new = code == SQLITE_DONE;
  if (code == SQLITE_DONE)
    return std::optional<route_code>{};
  if (code != SQLITE_ROW)
    return sqlite_error(query->db(), code, "reading what is pending");
  const auto saved = position_at(*query);
  if (!saved || saved->upto > last)
    return std::optional<route_code>{};
  is_new = saved->range_events != range_events; // of another size: all the same, but not damaged
  if (is_new)
    return std::optional<route_code>{};
  upto_ = looked_at_ = saved->upto;
  return std::optional{saved->routes};
}

result<bool> saved_ranges::read_routes(route_book& routes, route_code count) {
  auto query = writer_.db().prepare("SELECT " SKEIN_ROUTE_COLUMNS " FROM route ORDER BY code");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const auto deliveries = route_at(*query);
    if (!deliveries || routes.code_of(*deliveries) != query->integer(0))
      return false;
  }
  if (code != SQLITE_DONE)
    return sqlite_error(query->db(), code, "reading what is pending");
  routes_ = routes.size();
  return routes_ == count;
}

result<void> saved_ranges::read_ranges(store_state& state, found& got) {
  pending_set& pending = state.pending();
  const auto is_known = [&](const placed_mark& each) {
    return each.mark.route() <= state.routes().size();
  };
  auto query = writer_.db().prepare("SELECT " SKEIN_PENDING_RANGE_COLUMNS " FROM pending_range");
  if (!query)
    return query.error();
  int code = SQLITE_OK;
  while ((code = query->step()) == SQLITE_ROW) {
    const std::uint64_t number = query->natural(0);
    const commit_no upto{query->natural(1)};
    const auto marks = marks_at(*query, pending.range_events());
    if (!marks || !std::all_of(marks->begin(), marks->end(), is_known)) {
      got.damaged.push_back(number);
      rows_[number] = {upto_, false};
      continue;
    }
    got.upto[number] = upto;
    rows_[number] = {upto, marks->empty()};
    if (!marks->empty()) {
      pending.put(number, *marks);
      pending.set_unchanged(number);
    }
  }
  return code == SQLITE_DONE ? result<void>{}
                             : sqlite_error(query->db(), code, "reading what is pending");
}

void saved_ranges::forget() noexcept {
  rows_.clear();
  waiting_.clear();
  routes_ = 0;
  upto_ = looked_at_ = {};
  must_clear_ = true;
}

} // namespace skein::journal
