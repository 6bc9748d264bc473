#include "journal/store_export.hpp"

#include "journal/checked_rows.hpp"
#include "journal/crc32c.hpp"
#include "journal/kept_part.hpp"
#include "journal/sealed_tables.hpp"
#include "journal/sqlite_chain.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_file.hpp"
#include "protocol/cloudevents.hpp"
#include "protocol/text.hpp"
#include "protocol/utf8.hpp"

#include <array>
#include <cstdio>
#include <optional>
#include <utility>

namespace skein::journal {

namespace {

constexpr std::uint64_t progress_every = 1'000; // events

void append_member(std::string& out, std::string_view name) {
  if (out.back() != '{')
    out += ',';
  append_json_string(out, name);
  out += ':';
}
void append_text(std::string& out, std::string_view name, std::string_view value) {
  append_member(out, name);
  append_json_string(out, value);
}
void append_count(std::string& out, std::string_view name, std::uint64_t value) {
  append_member(out, name);
  out += std::to_string(value);
}
void append_time(std::string& out, std::string_view name, instant value) {
  if (value != no_instant)
    append_text(out, name, format_rfc3339(value));
}
/// As text if it is text.
void append_bytes(std::string& out, std::string_view name, std::string_view bytes) {
  if (is_utf8(bytes))
    append_text(out, name, bytes);
  else
    append_text(out, std::string{name} + "_base64", base64_encode(bytes));
}
void append_error(std::string& out, errc code, std::string_view text) {
  if (code != errc::none)
    append_text(out, "code", slug(code));
  if (!text.empty())
    append_bytes(out, "error", text);
}

class exporting {
 public:
  exporting(database db, const export_options& options, const line_sink& write)
    : db_{std::move(db)}, options_{options}, write_{write} {}

  result<export_counts> run() {
    for (const auto step : {&exporting::prepare, &exporting::put_header, &exporting::put_events,
                            &exporting::put_states, &exporting::put_trailer})
      if (auto done = (this->*step)(); !done)
        return done.error();
    return counts_;
  }

 private:
  result<void> prepare() {
    if (auto prepared = db_.prepare_all(
            {{&events_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event ORDER BY no"},
             {&outcome_, "SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id = ?"},
             {&attempts_,
              "SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id = ? ORDER BY attempt"},
             {&start_, "SELECT crashes FROM start WHERE id = ?"},
             {&states_, "SELECT value, crc, agent, key FROM state ORDER BY agent, key"},
             {&names_, "SELECT no, name FROM agent ORDER BY no"}});
        !prepared)
      return prepared;
    auto old = unchecked_rows::of(db_);
    if (!old)
      return old.error();
    old_ = *old;
    if (auto whole = check_small_tables(db_); !whole)
      return whole;
    int code = SQLITE_OK;
    while ((code = names_.step()) == SQLITE_ROW)
      agents_.emplace_back(names_.text(1));
    return ended(code);
  }
  result<void> ended(int code) {
    return code == SQLITE_DONE ? result<void>{}
                               : sqlite_error(db_.raw(), code, "reading the store");
  }

  result<void> put(std::string line) {
    line += '\n';
    crc_ = crc32c(line, crc_);
    return write_(line) ? result<void>{} : error{errc::io_error, "the export cannot be written"};
  }

  result<std::string> meta(const std::string& name) {
    auto query = db_.prepare("SELECT value FROM meta WHERE name = '" + name + "'");
    if (!query)
      return query.error();
    if (query->step() != SQLITE_ROW)
      return damaged_store("the table 'meta' has no '" + name + "'");
    return std::string{query->text(0)};
  }

  result<void> put_header() {
    std::string line{"{"};
    append_count(line, "skein_export", export_version);
    append_time(line, "made", options_.now);
    for (const char* name : {"store_id", "hash", "seed_high", "seed_low"}) {
      const auto value = meta(name);
      if (!value)
        return value.error();
      append_text(line, name, *value);
    }
    for (const char* name : {"shards", "boot"}) {
      const auto value = meta(name);
      if (!value)
        return value.error();
      append_member(line, name);
      line += *value;
    }
    const auto commit = db_.number("SELECT max(no) FROM commits");
    const auto events = db_.number("SELECT max(no) FROM event");
    if (!commit || !events)
      return !commit ? commit.error() : events.error();
    all_ = static_cast<std::uint64_t>(*events);
    append_count(line, "commit", static_cast<std::uint64_t>(*commit));
    if (auto done = append_kept(line); !done)
      return done;
    append_member(line, "agents");
    line += '[';
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      line += i == 0 ? "" : ",";
      append_json_string(line, agents_[i]);
    }
    line += "]}";
    return put(std::move(line));
  }

  /// Where it begins, if retention has dropped something.
  result<void> append_kept(std::string& line) {
    const auto kept = kept_part::of(db_);
    const auto oldest = db_.number("SELECT at FROM commits ORDER BY no LIMIT 1");
    if (!kept || !oldest)
      return !kept ? kept.error() : oldest.error();
    if (raw(kept->first_commit) == 1)
      return {};
    append_member(line, "kept");
    line += '{';
    append_count(line, "first_commit", raw(kept->first_commit));
    append_time(line, "oldest", from_ns(*oldest));
    append_count(line, "first_event", kept->first_event);
    append_count(line, "swept_to", kept->swept_to);
    append_text(line, "dropped", write_ledgers(kept->dropped));
    line += '}';
    return {};
  }

  result<void> put_events() {
    int code = SQLITE_OK;
    while ((code = events_.step()) == SQLITE_ROW) {
      const auto event = event_at(events_, old_);
      if (!event)
        return event.error();
      if (auto done = put_event(*event); !done)
        return done;
      if (++counts_.events % progress_every == 0 && options_.progress)
        options_.progress(counts_.events, all_);
    }
    return ended(code);
  }

  result<void> put_event(const event_columns& row) {
    const auto agents = read_deliveries(row.deliveries);
    if (!agents)
      return damaged_store("event " + std::to_string(row.no) + " is not readable");
    const event_id number{shard_id{static_cast<std::uint32_t>(row.shard)},
                          static_cast<std::uint64_t>(row.no)};
    std::string line{"{"};
    append_text(line, "event", to_string(number));
    append_time(line, "accepted", from_ns(row.at));
    append_time(line, "due", row.due);
    append_time(line, "expires", row.expires);
    append_text(line, "priority", to_string(static_cast<priority_class>(row.priority)));
    append_body(line, row.body);
    append_member(line, "deliveries");
    line += '[';
    delivery_id each{number, 0};
    for (const agent_no agent : *agents) {
      line += each.index == 0 ? "{" : ",{";
      if (auto done = append_delivery(line, each, agent); !done)
        return done;
      line += '}';
      ++each.index;
    }
    line += "]}";
    return put(std::move(line));
  }

  /// As a CloudEvent; the bytes too where that does not read back as the same.
  static void append_body(std::string& line, std::string_view body) {
    const auto value = decode_event(body);
    if (value) {
      const std::string json = write_structured(*value);
      append_member(line, "cloudevent");
      line += json;
      const auto again = read_structured(json);
      if (again && encode_event(*again) == body)
        return;
    }
    append_text(line, "body_base64", base64_encode(body));
  }

  result<void> append_delivery(std::string& line, const delivery_id& each, agent_no agent) {
    if (raw(agent) >= agents_.size())
      return damaged_store("an agent's number is missing");
    append_text(line, "agent", agents_[raw(agent)]);
    ++counts_.deliveries;
    const reset_at_end end_of_outcome{outcome_};
    const reset_at_end end_of_start{start_};
    const int found = outcome_.bind(1, row_of(each)).step();
    if (found == SQLITE_DONE) {
      ++counts_.pending;
      append_text(line, "state", to_string(delivery_state::pending));
      if (start_.bind(1, row_of(each)).step() == SQLITE_ROW && start_.integer(0) > 0)
        append_count(line, "crashes", start_.natural(0));
    } else if (found == SQLITE_ROW) {
      const auto outcome = outcome_at(outcome_, old_);
      if (!outcome)
        return outcome.error();
      append_outcome(line, *outcome);
    } else {
      return ended(found);
    }
    return append_attempts(line, each);
  }

  static void append_outcome(std::string& line, const outcome_columns& row) {
    append_text(line, "state", to_string(static_cast<delivery_state>(row.state)));
    append_count(line, "attempt", static_cast<std::uint64_t>(row.attempt));
    append_time(line, "started", row.started);
    append_time(line, "finished", row.finished);
    append_time(line, "committed", from_ns(row.at));
    append_error(line, static_cast<errc>(row.code), row.error);
    constexpr std::array kinds{"none", "json", "text", "binary"};
    const auto kind = static_cast<std::size_t>(row.reply_kind);
    if (kind > 0 && kind < kinds.size()) {
      append_text(line, "reply_kind", kinds[kind]);
      append_bytes(line, "reply", row.reply);
    }
    if (row.emitted > 0)
      append_count(line, "emitted", static_cast<std::uint64_t>(row.emitted));
  }

  result<void> append_attempts(std::string& line, const delivery_id& each) {
    const reset_at_end end{attempts_};
    attempts_.bind(1, row_of(each));
    int code = SQLITE_OK;
    bool any = false;
    while ((code = attempts_.step()) == SQLITE_ROW) {
      const auto row = attempt_at(attempts_, old_);
      if (!row)
        return row.error();
      if (!any)
        append_member(line, "attempts");
      line += any ? ",{" : "[{";
      any = true;
      append_count(line, "attempt", static_cast<std::uint64_t>(row->attempt));
      append_time(line, "started", row->started);
      append_time(line, "finished", row->finished);
      append_error(line, static_cast<errc>(row->code), row->error);
      append_time(line, "next_due", row->next_due);
      line += '}';
    }
    line += any ? "]" : "";
    return ended(code);
  }

  result<void> put_states() {
    int code = SQLITE_OK;
    while ((code = states_.step()) == SQLITE_ROW) {
      const auto value = state_at(states_, states_.integer(2), states_.text(3), old_);
      if (!value)
        return value.error();
      const auto agent = states_.natural(2);
      if (agent >= agents_.size())
        return damaged_store("an agent's number is missing");
      std::string line{"{\"state\":{"};
      append_text(line, "agent", agents_[agent]);
      append_text(line, "key", states_.text(3));
      append_bytes(line, "value", *value);
      line += "}}";
      if (auto done = put(std::move(line)); !done)
        return done;
      ++counts_.states;
    }
    return ended(code);
  }

  result<void> put_trailer() {
    std::array<char, 9> crc{};
    std::snprintf(crc.data(), crc.size(), "%08x", static_cast<unsigned>(crc_));
    std::string line{"{\"end\":{"};
    append_count(line, "events", counts_.events);
    append_count(line, "deliveries", counts_.deliveries);
    append_count(line, "pending", counts_.pending);
    append_count(line, "states", counts_.states);
    append_text(line, "crc32c", crc.data());
    line += "}}";
    return put(std::move(line));
  }

  database db_;
  const export_options& options_;
  const line_sink& write_;
  statement events_, outcome_, attempts_, start_, states_, names_;
  unchecked_rows old_;
  std::vector<std::string> agents_;
  std::uint64_t all_ = 0;
  export_counts counts_;
  std::uint32_t crc_ = 0;
};

} // namespace

result<export_counts> export_sqlite(const export_options& options, const line_sink& write) {
  auto db = open_up_to_mark(options.directory);
  if (!db)
    return db.error();
  return exporting{std::move(*db), options, write}.run();
}

} // namespace skein::journal
