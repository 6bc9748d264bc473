#include "journal/sqlite_audit.hpp"

#include "journal/kept_part.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace skein::journal {

namespace {

constexpr std::size_t problems_max = 100;

/// How a delivery ended, as the table says it; empty: a row that we wrote says nothing like that.
std::optional<delivery_state> ended_state(std::int64_t number) {
  const bool known = number >= static_cast<std::int64_t>(delivery_state::done) &&
                     number <= static_cast<std::int64_t>(delivery_state::purged);
#ifdef SKEIN_BUG_ENDS_NOT_CHECKED
  return static_cast<delivery_state>(number);
#endif
  return known ? std::optional{static_cast<delivery_state>(number)} : std::nullopt;
}

class audit {
 public:
  explicit audit(database& db) : db_{db} {}

  result<audit_report> run() {
    auto kept = kept_part::of(db_);
    if (!kept)
      return kept.error();
    kept_ = std::move(*kept);
    report_.counted = kept_.dropped;
    for (const auto step : {&audit::count_events, &audit::check_totals, &audit::check_orphans,
                            &audit::check_commits, &audit::check_types})
      if (auto done = (this->*step)(); !done)
        return done.error();
    return report_;
  }

 private:
  void problem(std::string what) {
    if (report_.problems.size() < problems_max)
      report_.problems.push_back(std::move(what));
  }

  /// Every event, with the states of its deliveries.
  result<void> count_events() {
    auto events = db_.prepare("SELECT no, deliveries FROM event ORDER BY no");
    auto outcomes = db_.prepare("SELECT id, state FROM outcome ORDER BY id");
    if (!events || !outcomes)
      return !events ? events.error() : outcomes.error();
    int outcome = outcomes->step();
    int code = SQLITE_OK;
    while ((code = events->step()) == SQLITE_ROW) {
      const auto agents = read_deliveries(events->text(1));
      if (!agents) {
        problem("event " + std::to_string(events->natural(0)) + " has no list of deliveries");
        continue;
      }
      std::array<delivery_state, limits::deliveries_per_event_max> states{};
      while (outcome == SQLITE_ROW && outcomes->natural(0) / 16 < events->natural(0))
        outcome = outcomes->step();
      for (; outcome == SQLITE_ROW && outcomes->natural(0) / 16 == events->natural(0);
           outcome = outcomes->step())
        if (const auto state = ended_state(outcomes->integer(1)))
          states[outcomes->natural(0) % 16] = *state;
        else
          problem("an outcome of event " + std::to_string(events->natural(0)) + " is none");
      count(std::span{states}.first(agents->size()));
    }
    while (outcome == SQLITE_ROW) // of events that are not there
      outcome = outcomes->step();
    return code == SQLITE_DONE && outcome == SQLITE_DONE
               ? result<void>{}
               : sqlite_error(db_.raw(), code, "counting events");
  }

  void count(std::span<const delivery_state> states) {
    ledgers& all = report_.counted;
    bool pending = false;
    ++all.events.accepted;
    all.deliveries.accepted += states.size();
    for (const delivery_state each : states) {
      pending = pending || !is_terminal(each);
      if (is_terminal(each))
        count_terminal(all.deliveries, each);
      else
        ++all.deliveries.pending;
    }
    if (pending)
      ++all.events.pending;
    else
      count_terminal(all.events, event_state(states));
  }

  result<void> check_totals() {
    auto last = db_.prepare("SELECT ledger FROM commits ORDER BY no DESC LIMIT 1");
    if (!last)
      return last.error();
    std::optional<ledgers> totals = ledgers{};
    if (last->step() == SQLITE_ROW)
      totals = read_ledgers(last->text(0));
    if (!totals) {
      problem("the last commit's ledger is not readable");
      return {};
    }
    totals->events.pending = report_.counted.events.pending;
    totals->deliveries.pending = report_.counted.deliveries.pending;
    if (*totals != report_.counted)
      problem("the ledger says " + write_ledgers(*totals) + ", the rows say " +
              write_ledgers(report_.counted));
    return {};
  }

  /// Queries that count what must not be there.
  result<void> check_orphans() {
    constexpr std::pair<std::string_view, std::string_view> checks[] = {
        {"SELECT count(*) FROM outcome WHERE id / 16 NOT IN (SELECT no FROM event)",
         "outcomes without an event"},
        {"SELECT count(*) FROM outcome o JOIN event e ON e.no = o.id / 16 "
         "WHERE CASE WHEN json_valid(e.deliveries) "
         "THEN o.id % 16 >= json_array_length(e.deliveries) ELSE 0 END",
         "outcomes without a delivery"},
        {"SELECT count(*) FROM attempt WHERE id / 16 NOT IN (SELECT no FROM event)",
         "attempts without an event"},
        {"SELECT count(*) FROM start WHERE id IN (SELECT id FROM outcome)",
         "starts of deliveries that are over"},
        {"SELECT count(*) FROM (SELECT id FROM dead EXCEPT SELECT id FROM outcome WHERE state = 4)",
         "dead letters without a dead delivery"},
        {"SELECT count(*) FROM (SELECT id FROM outcome WHERE state = 4 EXCEPT SELECT id FROM dead)",
         "dead deliveries without a dead letter"},
        {"SELECT count(*) FROM agent WHERE no >= (SELECT count(*) FROM agent)",
         "agents with a number out of order"},
        {"SELECT count(*) FROM event e, commits c ON c.no = (SELECT max(no) FROM commits) "
         "WHERE e.no >= c.first_event + c.events",
         "events after the last commit"},
    };
    for (const auto& [sql, what] : checks) {
      const auto found = db_.number(sql);
      if (!found)
        return found.error();
      if (*found != 0)
        problem(std::to_string(*found) + " " + std::string{what});
    }
    return {};
  }

  /// The commits follow each other, in number, time and events.
  result<void> check_commits() {
    auto rows = db_.prepare("SELECT no, at, first_event, events, length(identities), low_water "
                            "FROM commits ORDER BY no");
    if (!rows)
      return rows.error();
    std::uint64_t number = raw(kept_.first_commit) - 1;
    std::uint64_t next_event = kept_.first_event;
    instant at = instant::min();
    int code = SQLITE_OK;
    while ((code = rows->step()) == SQLITE_ROW) {
      const std::string name = "commit " + std::to_string(rows->natural(0));
      if (rows->natural(0) != ++number)
        problem(name + " does not follow the one before");
      if (rows->time(1) < at)
        problem(name + " goes back in time");
      if (rows->natural(2) != next_event)
        problem(name + " does not begin at the next event");
      if (rows->natural(4) != rows->natural(3) * identity_entry_bytes)
        problem(name + " has not as many identities as events");
      number = rows->natural(0);
      at = rows->time(1);
      next_event = rows->natural(2) + rows->natural(3);
    }
    if (code != SQLITE_DONE)
      return sqlite_error(db_.raw(), code, "reading commits");
    if (report_.counted.events.accepted + 1 != next_event)
      problem("the commits name " + std::to_string(next_event - 1) + " events, there are " +
              std::to_string(report_.counted.events.accepted));
    return {};
  }

  /// A text whose bytes have become a blob has the checksum of before, and is found by no query
  /// that asks for the text.
  result<void> check_types() {
    for (const std::string table : {"agent", "event", "outcome", "attempt", "state", "commits"}) {
      auto columns = db_.prepare("SELECT name, lower(type) FROM pragma_table_info('" + table +
                                 "') WHERE type IN ('TEXT', 'BLOB')");
      if (!columns)
        return columns.error();
      std::string wrong;
      while (columns->step() == SQLITE_ROW)
        wrong += (wrong.empty() ? "" : " OR ") + ("typeof(" + std::string{columns->text(0)}) +
                 ") NOT IN ('null', '" + std::string{columns->text(1)} + "')";
      const auto found = db_.number("SELECT count(*) FROM " + table + " WHERE " + wrong);
      if (!found)
        return found.error();
      if (*found != 0)
        problem(std::to_string(*found) + " rows of '" + table +
                "' have a text or a blob that was written as the other");
    }
    return {};
  }

  database& db_;
  kept_part kept_;
  audit_report report_;
};

} // namespace

result<audit_report> audit_sqlite(database& db) { return audit{db}.run(); }

result<audit_report> audit_sqlite(const std::string& directory, const std::string& vfs) {
  auto db = open_as_of_now(journal_file(directory), vfs);
  return db ? audit_sqlite(*db) : db.error();
}

} // namespace skein::journal
