#include "journal/chain_walk.hpp"

#include "journal/chain.hpp"
#include "journal/sqlite_codec.hpp"

#include <utility>

namespace skein::journal {

error chain_walk::failed(int code) {
  over_ = true;
  return sqlite_error(db_.raw(), code, "checking commits");
}

error chain_walk::broken(const std::string& why) const {
  return damaged_store("commit " + std::to_string(raw(last_) + 1) +
                       " is not as it was written: " + why);
}

result<void> chain_walk::prepare() {
  if (auto prepared = db_.prepare_all(
          {{&commits_, "SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no > ? ORDER BY no"},
           {&events_, "SELECT " SKEIN_EVENT_COLUMNS " FROM event WHERE no >= ? AND no < ? "
                      "ORDER BY no"},
           {&outcome_, "SELECT " SKEIN_OUTCOME_COLUMNS " FROM outcome WHERE id = ?"},
           {&attempt_,
            "SELECT " SKEIN_ATTEMPT_COLUMNS " FROM attempt WHERE id = ? AND attempt = ?"},
           {&dead_, "SELECT id FROM dead WHERE id = ?"}});
      !prepared)
    return prepared;
  commits_.bind(1, raw(last_));
  return {};
}

result<bool> chain_walk::next() {
  const int code = over_ ? SQLITE_DONE : commits_.step();
  if (code == SQLITE_DONE)
    return false;
  if (code != SQLITE_ROW)
    return failed(code);
  const auto digest = digest_of_commit();
  digest_ = digest ? *digest : digest_of_bytes(commits_.blob(10)).value_or(digest_);
  last_ = commit_no{commits_.natural(0)};
  if (!digest)
    return digest.error();
  return true;
}

result<hash128> chain_walk::digest_of_commit() {
  const auto commit = commit_at(commits_, old_);
  if (!commit)
    return commit.error();
  const auto number = static_cast<std::uint64_t>(commit->no);
  if (number != raw(last_) + 1)
    return broken("it is not there");
  records_.clear();
  for (const auto add :
       {&chain_walk::add_events, &chain_walk::add_outcomes, &chain_walk::add_attempts})
    if (auto done = (this->*add)(*commit); !done)
      return done.error();
  const hash128 digest = next_digest(digest_, number, crc_of(*commit), records_);
  if (digest_of_bytes(commits_.blob(10)) != digest)
    return broken("its digest is another one");
  return digest;
}

result<void> chain_walk::add_events(const commit_columns& commit) {
  const reset_at_end end{events_};
  events_.bind(1, commit.first_event).bind(2, commit.first_event + commit.events);
  int code = SQLITE_OK;
  while ((code = events_.step()) == SQLITE_ROW) {
    const auto event = event_at(events_, old_);
    if (!event)
      return event.error();
    records_.push_back(crc_of(*event));
  }
  if (code != SQLITE_DONE)
    return failed(code);
  return records_.size() == static_cast<std::size_t>(commit.events)
             ? result<void>{}
             : broken("events of it are missing");
}

result<void> chain_walk::add_outcomes(const commit_columns& commit) {
  const auto ended = read_outcome_list(commit.outcomes);
  if (!ended)
    return broken("its list of outcomes is not readable");
  for (const delivery_id& each : *ended) {
    const reset_at_end end{outcome_};
    if (outcome_.bind(1, row_of(each)).step() != SQLITE_ROW)
      return broken("an outcome of event " + std::to_string(each.event.sequence) + " is missing");
    const auto outcome = outcome_at(outcome_, old_);
    if (!outcome)
      return outcome.error();
    records_.push_back(crc_of(*outcome));
    if (static_cast<delivery_state>(outcome->state) != delivery_state::dead)
      continue;
    const reset_at_end end_of_dead{dead_};
    if (dead_.bind(1, row_of(each)).step() != SQLITE_ROW)
      return broken("the dead letter of event " + std::to_string(each.event.sequence) +
                    " is missing");
  }
  return {};
}

result<void> chain_walk::add_attempts(const commit_columns& commit) {
  const auto made = read_attempts(commit.changes);
  if (!made)
    return broken("its list of attempts is not readable");
  for (const attempt_name& each : *made) {
    const reset_at_end end{attempt_};
    attempt_.bind(1, each.id).bind(2, std::int64_t{each.attempt});
    if (attempt_.step() != SQLITE_ROW)
      return broken("an attempt of event " + std::to_string(each.id / 16) + " is missing");
    const auto attempt = attempt_at(attempt_, old_);
    if (!attempt)
      return attempt.error();
    records_.push_back(crc_of(*attempt));
  }
  return {};
}

} // namespace skein::journal
