#include "journal/sqlite_ranges.hpp"

#include "journal/checked_rows.hpp"
#include "journal/sqlite_codec.hpp"
#include "journal/sqlite_journal.hpp"

#include <algorithm>
#include <limits>

namespace skein::journal {

namespace {

class range_load {
 public:
  explicit range_load(sqlite_parts& parts)
    : parts_{parts}, db_{parts.writer->db()}, state_{*parts.state} {}

  result<void> run() {
    auto found = parts_.ranges->read(state_, parts_.last_commit);
    if (!found)
      return found.error();
    if (!found->usable)
      return make_all_anew(found->is_new ? "" : "what was saved of the pending events is damaged");
    upto_ = std::move(found->upto);
    for (const std::uint64_t number : found->damaged)
      if (auto made = make_range_anew(number); !made)
        return made;
    const auto fits = replay();
    if (!fits)
      return fits.error();
    if (!*fits || !is_balanced())
      return make_all_anew("what was saved of the pending events does not fit the commits");
    return {};
  }

 private:
  void note(std::string what) { parts_.notes.push_back(std::move(what)); }

  bool is_balanced() const {
    const ledgers counted = state_.counted();
    return counted.events.balanced() && counted.deliveries.balanced();
  }

  /// Whether the range is known for a time before this commit.
  bool is_before(std::uint64_t range, std::int64_t commit) const {
    const auto at = upto_.find(range);
    const commit_no known = at == upto_.end() ? parts_.ranges->upto() : at->second;
    return raw(known) < static_cast<std::uint64_t>(commit);
  }

  /// The commits after the saved ranges. False if they do not fit.
  result<bool> replay() {
#ifdef SKEIN_BUG_BITMAP_NOT_REPLAYED
    return true;
#endif
    auto commits =
        db_.prepare("SELECT " SKEIN_COMMIT_COLUMNS " FROM commits WHERE no > ? ORDER BY no");
    if (!commits)
      return commits.error();
    commits->bind(1, raw(parts_.ranges->upto()));
    int code = SQLITE_OK;
    while ((code = commits->step()) == SQLITE_ROW) {
      const auto commit = commit_at(*commits, parts_.old);
      if (!commit)
        return commit.error();
      if (auto added = add_accepted(*commit); !added)
        return added.error();
      const auto ended = read_outcome_list(commit->outcomes);
      if (!ended)
        return damaged_store("a commit's outcomes are not readable");
      for (const delivery_id& each : *ended) {
        if (!is_before(state_.pending().range_of(each.event.sequence), commit->no))
          continue;
        if (!state_.pending().contains(each))
          return false;
        state_.pending().remove(each);
      }
    }
    if (code != SQLITE_DONE)
      return sqlite_error(db_.raw(), code, "reading commits");
    return true;
  }

  result<void> add_accepted(const commit_columns& commit) {
    if (commit.events == 0 ||
        (!is_before(range_of(commit.first_event), commit.no) &&
         !is_before(range_of(commit.first_event + commit.events - 1), commit.no)))
      return {};
    if (!accepted_) {
      auto query = db_.prepare("SELECT " SKEIN_EVENT_COLUMNS_SMALL
                               " FROM event WHERE no >= ? AND no < ? ORDER BY no");
      if (!query)
        return query.error();
      accepted_ = std::move(*query);
    }
    const reset_at_end end{accepted_};
    accepted_.bind(1, commit.first_event).bind(2, commit.first_event + commit.events);
    int code = SQLITE_OK;
    while ((code = accepted_.step()) == SQLITE_ROW) {
      const auto event = small_event_at(accepted_, parts_.old);
      if (!event)
        return event.error();
      if (is_before(range_of(event->no), commit.no))
        if (auto added = add(*event, all_live); !added)
          return added;
    }
    return code == SQLITE_DONE ? result<void>{} : sqlite_error(db_.raw(), code, "reading events");
  }

  std::uint64_t range_of(std::int64_t sequence) const {
    return state_.pending().range_of(static_cast<std::uint64_t>(sequence));
  }

  /// With those of its deliveries that `live` has; nothing if there is none.
  result<void> add(const event_columns& event, std::uint32_t live) {
    const auto deliveries = read_deliveries(event.deliveries);
    if (!deliveries || event.shard < 0 || event.shard >= parts_.identity.hash.shards)
      return damaged_store("event " + std::to_string(event.no) + " is not readable");
    live &= (1u << deliveries->size()) - 1;
    const event_id id{shard_id{static_cast<std::uint32_t>(event.shard)},
                      static_cast<std::uint64_t>(event.no)};
    if (live != 0)
      state_.pending().add(id, static_cast<pending_set::mask>(live),
                           pending_mark::tag_of(state_.routes().code_of(*deliveries),
                                                is_delayed(event.due, from_ns(event.at)),
                                                event.expires != no_instant));
    return {};
  }

  // ---- from the rows ----

  result<void> make_range_anew(std::uint64_t number) {
    const auto size = static_cast<std::int64_t>(state_.pending().range_events());
    const std::int64_t first = static_cast<std::int64_t>(number) * size;
    upto_[number] = parts_.last_commit;
    note("what was saved of the pending events from " + std::to_string(first) + " to " +
         std::to_string(first + size - 1) + " is damaged; it was made anew from their rows");
    if (auto read = read_rows(first, first + size); !read)
      return read;
    state_.pending().set_changed(number);
    return {};
  }

  result<void> make_all_anew(const std::string& why) {
    if (!why.empty())
      note(why + "; it was made anew from the rows of events and outcomes");
    for (const std::uint64_t each : state_.pending().ranges())
      state_.pending().put(each, {});
    parts_.ranges->forget();
    const auto low = db_.number("SELECT low_water FROM commits ORDER BY no DESC LIMIT 1", 1);
    if (!low)
      return low.error();
    return read_rows(*low, std::numeric_limits<std::int64_t>::max() / 16);
  }

  /// Events and outcomes side by side.
  result<void> read_rows(std::int64_t from, std::int64_t to) {
    auto events = db_.prepare("SELECT " SKEIN_EVENT_COLUMNS_SMALL
                              " FROM event WHERE no >= ? AND no < ? ORDER BY no");
    auto outcomes = db_.prepare("SELECT " SKEIN_OUTCOME_COLUMNS_SMALL
                                " FROM outcome WHERE id >= ? AND id < ? ORDER BY id");
    if (!events || !outcomes)
      return !events ? events.error() : outcomes.error();
    events->bind(1, from).bind(2, to);
    outcomes->bind(1, from * 16).bind(2, to * 16);
    int outcome = outcomes->step();
    int code = SQLITE_OK;
    while ((code = events->step()) == SQLITE_ROW) {
      const auto event = small_event_at(*events, parts_.old);
      if (!event)
        return event.error();
      std::uint32_t live = all_live;
      for (; outcome == SQLITE_ROW && outcomes->integer(0) / 16 <= event->no;
           outcome = outcomes->step()) {
        const auto found = small_outcome_at(*outcomes, parts_.old);
        if (!found)
          return found.error();
        if (found->id / 16 == event->no)
          live &= ~(1u << found->id % 16);
      }
      if (auto added = add(*event, live); !added)
        return added;
    }
    if (outcome != SQLITE_ROW && outcome != SQLITE_DONE)
      return sqlite_error(db_.raw(), outcome, "reading outcomes");
    return code == SQLITE_DONE ? result<void>{} : sqlite_error(db_.raw(), code, "reading events");
  }

  static constexpr std::uint32_t all_live = 0xffff;

  sqlite_parts& parts_;
  database& db_;
  store_state& state_;
  std::map<std::uint64_t, commit_no> upto_;
  statement accepted_;
};

} // namespace

result<void> load_ranges(sqlite_parts& parts) { return range_load{parts}.run(); }

} // namespace skein::journal
