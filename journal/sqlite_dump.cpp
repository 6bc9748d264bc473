#include "journal/sqlite_dump.hpp"

#include "journal/checked_rows.hpp"
#include "journal/sqlite_chain.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/utf8.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace skein::journal {

namespace {

void add(dump_record& to, std::string name, std::int64_t value) {
  to.values.emplace_back(std::move(name), value);
}
void add(dump_record& to, std::string name, std::string_view value) {
  if (is_utf8(value))
    to.values.emplace_back(std::move(name), std::string{value});
  else
    to.values.emplace_back(name + "_base64", base64_encode(value));
}
void add(dump_record& to, std::string name, instant value) {
  if (value != no_instant)
    to.values.emplace_back(std::move(name), format_rfc3339(value));
}

class dumping {
 public:
  dumping(database db, const dump_options& options, const dump_sink& sink)
    : db_{std::move(db)}, options_{options}, sink_{sink} {}

  result<dump_summary> run() {
    auto old = unchecked_rows::of(db_);
    if (old)
      old_ = *old;
    else
      damaged("", without_advice(old.error().detail));
    read_names();
    number_range all = options_.events.value_or(number_range{});
    if (options_.commits || (!options_.events && !options_.key))
      walk("commits",
           "SELECT " SKEIN_COMMIT_COLUMNS
           " FROM commits WHERE no >= ? AND no <= ? ORDER BY no LIMIT 1",
           options_.commits.value_or(number_range{}), [&](statement& row) { show_commit(row); });
    if (options_.commits)
      all = {from_, to_};
    walk("event",
         "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no >= ? AND no <= ? ORDER BY no LIMIT 1",
         all, [&](statement& row) { show_event(row); });
    if (!options_.events && !options_.commits)
      show_states();
    return summary_;
  }

 private:
  void show(const dump_record& record) {
    ++summary_.records;
    go_on_ = go_on_ && sink_(record);
  }
  /// Without them agents are told by their numbers.
  void read_names() {
    auto query = db_.prepare("SELECT no, name FROM agent");
    if (!query)
      return damaged("agent", query.error().detail);
    int code = SQLITE_OK;
    while ((code = query->step()) == SQLITE_ROW)
      names_.insert_or_assign(query->integer(0), std::string{query->text(1)});
    if (code != SQLITE_DONE)
      damaged("agent", "names of agents cannot be read");
  }
  std::string name_of(std::int64_t agent) const {
    const auto found = names_.find(agent);
    return found == names_.end() ? std::to_string(agent) : found->second;
  }

  void damaged(std::string_view where, const std::string& what) {
    ++summary_.damaged;
    dump_record record{"damaged"};
    if (!where.empty())
      add(record, "table", where);
    add(record, "what", std::string_view{what});
    go_on_ = go_on_ && sink_(record);
  }

  /// Row by row, each looked for anew. Where a page cannot be read, the next row that can is
  /// searched for with steps that double, and then halved back to its beginning.
  template <class Each>
  void walk(std::string_view table, std::string_view sql, number_range range, const Each& each) {
    auto query = db_.prepare(sql);
    if (!query)
      return damaged(table, query.error().detail);
    for (std::uint64_t next = range.first; go_on_ && next <= range.last;) {
      const reset_at_end end{*query};
      const int code = query->bind(1, next).bind(2, range.last).step();
      if (code == SQLITE_DONE)
        return;
      if (code == SQLITE_ROW) {
        next = query->natural(0) + 1;
        each(*query);
        continue;
      }
      query->reset();
      const std::uint64_t behind = find_behind(*query, next, range.last);
      damaged(table, "numbers from " + std::to_string(next) +
                         (behind == 0 ? " on" : " to " + std::to_string(behind - 1)) +
                         " cannot be read");
      if (behind == 0)
        return;
      next = behind;
    }
  }

  bool can_read(statement& query, std::uint64_t from, std::uint64_t last) {
    const reset_at_end end{query};
    const int code = query.bind(1, from).bind(2, last).step();
    return code == SQLITE_ROW || code == SQLITE_DONE;
  }
  /// 0 if nothing behind it can be read.
  std::uint64_t find_behind(statement& query, std::uint64_t from, std::uint64_t last) {
    std::uint64_t step = 1;
    while (from + step <= last && !can_read(query, from + step, last))
      step *= 2;
    if (from + step > last)
      return 0;
    std::uint64_t low = from + step / 2; // not readable
    std::uint64_t high = from + step;
    while (low + 1 < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      (can_read(query, middle, last) ? high : low) = middle;
    }
    return high;
  }

  void show_commit(statement& row) {
    const auto commit = commit_at(row, old_);
    if (!commit)
      return damaged("commits", without_advice(commit.error().detail));
    if (commit->events > 0) {
      from_ = std::min(from_, static_cast<std::uint64_t>(commit->first_event));
      to_ = std::max(to_, static_cast<std::uint64_t>(commit->first_event + commit->events - 1));
    }
    dump_record record{"commit"};
    add(record, "commit", commit->no);
    add(record, "at", from_ns(commit->at));
    add(record, "first_event", commit->first_event);
    add(record, "events", commit->events);
    const auto ended = read_outcome_list(commit->outcomes);
    const auto failed = read_attempts(commit->changes);
    add(record, "outcomes", static_cast<std::int64_t>(ended ? ended->size() : 0));
    add(record, "attempts", static_cast<std::int64_t>(failed ? failed->size() : 0));
    add(record, "low_water", commit->low_water);
    add(record, "ledger", commit->ledger);
    show(record);
    if (options_.commits && ended)
      for (const delivery_id& each : *ended)
        show_outcome(each);
  }

  void show_event(statement& row) {
    const auto event = event_at(row, old_);
    if (!event)
      return damaged("event", without_advice(event.error().detail));
    if (options_.key && event->key != *options_.key)
      return;
    dump_record record{"event"};
    const event_id number{shard_id{static_cast<std::uint32_t>(event->shard)},
                          static_cast<std::uint64_t>(event->no)};
    add(record, "event", std::string_view{to_string(number)});
    add(record, "accepted", from_ns(event->at));
    add(record, "key", event->key);
    add(record, "due", event->due);
    add(record, "expires", event->expires);
    add(record, "priority", to_string(static_cast<priority_class>(event->priority)));
    const event_head head = read_head(event->body);
    add(record, "source", head.source);
    add(record, "id", head.id);
    add(record, "type", head.type);
    const auto agents = read_deliveries(event->deliveries);
    std::string names;
    for (std::uint8_t i = 0; agents && i < agents->size(); ++i)
      names.append(i == 0 ? "" : ",").append(name_of(raw((*agents)[i])));
    add(record, "agents", std::string_view{names});
    add(record, "body_bytes", static_cast<std::int64_t>(event->body.size()));
    if (options_.payload) {
      const auto value = decode_event(event->body);
      if (value)
        add(record, "cloudevent", std::string_view{write_structured(*value)});
      else
        add(record, "body", event->body);
    }
    show(record);
    for (std::uint8_t i = 0; agents && i < agents->size(); ++i) {
      show_attempts({number, i});
      if (!options_.commits)
        show_outcome({number, i});
    }
  }

  void show_outcome(const delivery_id& each) {
    auto query = db_.prepare("SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id = ?");
    if (!query)
      return damaged("outcome", query.error().detail);
    const int code = query->bind(1, row_of(each)).step();
    if (code == SQLITE_DONE)
      return;
    if (code != SQLITE_ROW)
      return damaged("outcome", "an outcome of event " + to_string(each.event) + " cannot be read");
    const auto outcome = outcome_at(*query, old_);
    if (!outcome)
      return damaged("outcome", without_advice(outcome.error().detail));
    dump_record record{"outcome"};
    add_delivery(record, each, outcome->agent);
    add(record, "state", to_string(static_cast<delivery_state>(outcome->state)));
    add(record, "attempt", outcome->attempt);
    add(record, "started", outcome->started);
    add(record, "finished", outcome->finished);
    add(record, "committed", from_ns(outcome->at));
    add_error(record, outcome->code, outcome->error);
    add(record, "emitted", outcome->emitted);
    add(record, "reply_bytes", static_cast<std::int64_t>(outcome->reply.size()));
    if (options_.payload)
      add(record, "reply", outcome->reply);
    show(record);
  }

  void show_attempts(const delivery_id& each) {
    auto query =
        db_.prepare("SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id = ? ORDER BY attempt");
    if (!query)
      return damaged("attempt", query.error().detail);
    query->bind(1, row_of(each));
    int code = SQLITE_OK;
    while ((code = query->step()) == SQLITE_ROW) {
      const auto attempt = attempt_at(*query, old_);
      if (!attempt) {
        damaged("attempt", without_advice(attempt.error().detail));
        continue;
      }
      dump_record record{"attempt"};
      add_delivery(record, each, attempt->agent);
      add(record, "attempt", attempt->attempt);
      add(record, "started", attempt->started);
      add(record, "finished", attempt->finished);
      add_error(record, attempt->code, attempt->error);
      add(record, "next_due", attempt->next_due);
      show(record);
    }
    if (code != SQLITE_DONE)
      damaged("attempt", "attempts of event " + to_string(each.event) + " cannot be read");
  }

  void add_delivery(dump_record& record, const delivery_id& each, std::int64_t agent) {
    add(record, "event", std::string_view{to_string(each.event)});
    add(record, "delivery", std::int64_t{each.index});
    add(record, "agent", std::string_view{name_of(agent)});
  }
  static void add_error(dump_record& record, std::int64_t code, std::string_view text) {
    if (code != 0)
      add(record, "code", slug(static_cast<errc>(code)));
    if (!text.empty())
      add(record, "error", text);
  }

  void show_states() {
    auto query = db_.prepare("SELECT value, crc, agent, key FROM state ORDER BY agent, key");
    if (!query)
      return damaged("state", query.error().detail);
    int code = SQLITE_OK;
    while (go_on_ && (code = query->step()) == SQLITE_ROW) {
      if (options_.key && query->text(3) != *options_.key)
        continue;
      const auto value = state_at(*query, query->integer(2), query->text(3), old_);
      if (!value) {
        damaged("state", without_advice(value.error().detail));
        continue;
      }
      dump_record record{"state"};
      add(record, "agent", std::string_view{name_of(query->integer(2))});
      add(record, "key", query->text(3));
      add(record, "value_bytes", static_cast<std::int64_t>(value->size()));
      if (options_.payload)
        add(record, "value", *value);
      show(record);
    }
    if (go_on_ && code != SQLITE_DONE)
      damaged("state", "states from here on cannot be read");
  }

  database db_;
  const dump_options& options_;
  const dump_sink& sink_;
  unchecked_rows old_;
  dump_summary summary_;
  std::map<std::int64_t, std::string> names_; // of agents
  bool go_on_ = true;
  std::uint64_t from_ = number_range{}.last; // events of the chosen commits
  std::uint64_t to_ = 0;
};

} // namespace

result<dump_summary> dump_sqlite(const dump_options& options, const dump_sink& show) {
  auto db = open_store_as_of_now(options.directory);
  if (!db)
    return db.error();
  if (auto there = require_chain(*db); !there)
    return there.error();
  return dumping{std::move(*db), options, show}.run();
}

} // namespace skein::journal
