#include "journal/sealed_commit.hpp"

#include "journal/byte_words.hpp"
#include "journal/chain.hpp"
#include "journal/crc32c.hpp"

namespace skein::journal {

void sealed_commit::make(const commit_rows& rows, const hash128& before) {
  rows_ = rows;
  crcs_.clear();
  add_events();
  add_outcomes();
  add_changes();
  ledger_ = write_ledgers(*rows.totals);
  row_ = {.no = static_cast<std::int64_t>(raw(rows.number)),
          .at = to_ns(rows.staged->at),
          .first_event = static_cast<std::int64_t>(rows.first_event),
          .events = static_cast<std::int64_t>(rows.staged->events.size()),
          .identities = identities_,
          .outcomes = outcomes_.bytes(),
          .ledger = ledger_,
          .low_water = static_cast<std::int64_t>(rows.low_water),
          .changes = changes_};
  crc_ = crc_of(row_);
  digest_ = next_digest(before, raw(rows.number), crc_, crcs_);
}

void sealed_commit::add_events() {
  const instant at = rows_.staged->at;
  delivery_text deliveries;
  identities_.clear();
  heads_.clear();
  for (const staged_batch::new_event& each : rows_.staged->events) {
    const offered_event& event = each.op->event;
    append_identity(identities_, {event.identity, event.content});
    heads_.push_back(event.head());
    crcs_.push_back(crc_of(event_columns{.no = static_cast<std::int64_t>(each.event.sequence),
                                         .shard = std::int64_t{raw(each.event.shard)},
                                         .at = to_ns(at),
                                         .key = heads_.back().key,
                                         .due = resolved(event.due, at),
                                         .expires = resolved(event.expires, at),
                                         .priority = static_cast<std::int64_t>(event.priority),
                                         .deliveries = deliveries.write(each.op->deliveries),
                                         .body = event.body.view()}));
  }
}

void sealed_commit::add_outcomes() {
  outcomes_.clear();
  for (const finish_op* each : rows_.staged->outcomes) {
    outcomes_.add(each->delivery);
    const bool has_reply = each->reply_kind != data_kind::none;
    crcs_.push_back(
        crc_of(outcome_columns{.id = row_of(each->delivery),
                               .state = static_cast<std::int64_t>(each->state),
                               .agent = std::int64_t{raw(each->agent)},
                               .attempt = std::int64_t{each->attempt},
                               .started = each->started,
                               .finished = each->finished,
                               .at = to_ns(rows_.staged->at),
                               .code = static_cast<std::int64_t>(each->code),
                               .error = each->error,
                               .reply_kind = static_cast<std::int64_t>(each->reply_kind),
                               .reply = has_reply ? each->reply.view() : std::string_view{},
                               .emitted = static_cast<std::int64_t>(each->emits.size())}));
  }
}

void sealed_commit::add_changes() {
  changes_.clear();
  const std::uint32_t unnumbered = crc_of_unnumbered();
  if (unnumbered == 0 && rows_.staged->attempts.empty())
    return;
  append_number(changes_, unnumbered, changes_crc_bytes);
  for (const attempt_op* each : rows_.staged->attempts) {
    append_attempt(changes_, {row_of(each->delivery), each->attempt});
    crcs_.push_back(crc_of(attempt_columns{.id = row_of(each->delivery),
                                           .attempt = std::int64_t{each->attempt},
                                           .agent = std::int64_t{raw(each->agent)},
                                           .started = each->started,
                                           .finished = each->finished,
                                           .code = static_cast<std::int64_t>(each->code),
                                           .error = each->error,
                                           .next_due = each->next_due}));
  }
}

/// Over agents, starts and states, whose rows change later: what stands in their tables afterwards
/// need not be what this commit wrote. 0 without any.
std::uint32_t sealed_commit::crc_of_unnumbered() const {
  std::uint32_t crc = 0;
  std::string words;
  for (const std::string& each : rows_.new_agents)
    crc = crc32c(each, crc);
  for (const auto& [agent, change] : rows_.staged->states) {
    words.clear();
    append_number(words, change->erase ? 1 : 0, 1);
    append_number(
        words,
        crc_of(state_columns{.agent = std::int64_t{raw(agent)},
                             .key = change->key,
                             .value = change->erase ? std::string_view{} : change->value.view()}),
        4);
    crc = crc32c(words, crc);
  }
  for (const auto& [delivery, row] : rows_.staged->starts) {
    words.clear();
    append_word(words, static_cast<std::uint64_t>(row_of(delivery)));
    append_number(words, row ? 1 + static_cast<std::uint64_t>(row->mark) : 0, 1);
    append_number(words, row ? row->crashes : 0, 4);
    crc = crc32c(words, crc);
  }
  return crc;
}

} // namespace skein::journal
